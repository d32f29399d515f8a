//! Refreshes the slot map of a cluster in the background, whenever it may be outdated.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use redis::Client;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::slot_map::Nodes;
use super::{Cluster, topology};
use crate::backend::redis::backoff;
use crate::backend::redis::connection::{Address, closed, connector};
use crate::error::BackendError;

impl Cluster {
    /// Starts a refresh of the slot map in the background.
    pub(super) fn start_refresh(self: &Arc<Self>) {
        self.is_stale.store(true, Ordering::SeqCst);
        let Ok(runtime) = Handle::try_current() else { return };
        if self.map().closed || self.is_refreshing.swap(true, Ordering::SeqCst) {
            return;
        }
        let running = Running(Arc::downgrade(self));
        runtime.spawn(async move {
            let mut attempts = 0;
            while let Some(cluster) = running.0.upgrade() {
                cluster.is_stale.store(false, Ordering::SeqCst);
                if let Err(error) = cluster.refresh().await {
                    cluster.is_stale.store(true, Ordering::SeqCst);
                    Arc::make_mut(&mut cluster.write()).error = Some(error);
                }
                drop(cluster);
                // The task also looks again after a success, because the node that replied may not know the
                // change yet.
                sleep(backoff::pause(attempts)).await;
                attempts += 1;
                let is_done =
                    |cluster: Arc<Self>| cluster.map().closed || !cluster.is_stale.load(Ordering::SeqCst);
                if running.0.upgrade().is_none_or(is_done) {
                    break;
                }
            }
            let cluster = running.0.clone();
            drop(running);
            // The slot map may have been marked as outdated after the last check.
            if let Some(cluster) = cluster.upgrade().filter(|cluster| cluster.is_stale.load(Ordering::SeqCst))
            {
                cluster.start_refresh();
            }
        });
    }

    pub(super) async fn refresh(self: &Arc<Self>) -> Result<(), BackendError> {
        let _lock = self.refresh_lock.lock().await;
        let masters: Vec<Address> = self.map().masters.keys().cloned().collect();
        let mut nodes: Vec<Client> =
            masters.iter().filter_map(|node| node.client(&self.settings).ok()).collect();
        nodes.extend(self.seeds.iter().cloned());
        let ranges = topology::read_slots(&nodes, &self.options).await?;
        let old_map = self.map();
        let mut masters = Nodes::new();
        let mut connecting = tokio::task::JoinSet::new();
        for range in &ranges {
            if masters.contains_key(&range.master) {
                continue;
            }
            let node = match old_map.find(&range.master) {
                Some(node) => Arc::clone(node),
                None => {
                    let node = self.new_node(&range.master, Some((range.first, range.last)))?;
                    // Reachable nodes are connected before the new slot map is used.
                    connecting.spawn(connector::connect_or_retry(Arc::clone(&node)));
                    node
                }
            };
            masters.insert(range.master.clone(), node);
        }
        connecting.join_all().await;
        let mut map = self.write();
        if map.closed {
            for node in masters.values() {
                node.close();
            }
            return Err(closed());
        }
        let (next, unused) = map.replaced_by(ranges, masters);
        *map = Arc::new(next);
        drop(map);
        for node in unused {
            node.retire();
        }
        Ok(())
    }

    /// Handles a node whose connection was lost, or that cannot be connected to.
    pub(super) fn handle_lost_node(self: &Arc<Self>, address: &Address) {
        let mut map = self.write();
        if map.unlisted.contains_key(address)
            && let Some(node) = Arc::make_mut(&mut map).unlisted.remove(address)
        {
            node.close();
        }
        drop(map);
        self.start_refresh();
    }
}

/// Marks the refresh as ended when the task ends, for whatever reason.
struct Running(Weak<Cluster>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(cluster) = self.0.upgrade() {
            cluster.is_refreshing.store(false, Ordering::SeqCst);
        }
    }
}
