//! Refreshes the slot map of a cluster in the background, whenever it may be outdated.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use redis::Client;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::slot_map::Nodes;
use super::{Cluster, topology};
use crate::BackendError;
use crate::backend::redis::backoff;
use crate::backend::redis::connection::{Address, closed, connector};

impl Cluster {
    /// Starts a refresh of the slot map in the background.
    pub(super) fn doubt(self: &Arc<Self>) {
        self.in_doubt.store(true, Ordering::SeqCst);
        let Ok(runtime) = Handle::try_current() else { return };
        if self.map().closed || self.learning.swap(true, Ordering::SeqCst) {
            return;
        }
        let at_work = AtWork(Arc::downgrade(self));
        runtime.spawn(async move {
            let mut attempts = 0;
            while let Some(cluster) = at_work.0.upgrade() {
                cluster.in_doubt.store(false, Ordering::SeqCst);
                if let Err(error) = cluster.learn().await {
                    cluster.in_doubt.store(true, Ordering::SeqCst);
                    Arc::make_mut(&mut cluster.write()).why = Some(error);
                }
                drop(cluster);
                // The task also looks again after a success, because the node that replied may not know the
                // change yet.
                sleep(backoff::pause(attempts)).await;
                attempts += 1;
                let is_over = |it: Arc<Self>| it.map().closed || !it.in_doubt.load(Ordering::SeqCst);
                if at_work.0.upgrade().is_none_or(is_over) {
                    break;
                }
            }
            let cluster = at_work.0.clone();
            drop(at_work);
            // The slot map may have been doubted after the last check.
            if let Some(cluster) = cluster.upgrade().filter(|it| it.in_doubt.load(Ordering::SeqCst)) {
                cluster.doubt();
            }
        });
    }

    pub(super) async fn learn(self: &Arc<Self>) -> Result<(), BackendError> {
        let _turn = self.turn.lock().await;
        let known: Vec<Address> = self.map().masters.keys().cloned().collect();
        let mut nodes: Vec<Client> = known.iter().filter_map(|node| node.client(&self.how).ok()).collect();
        nodes.extend(self.seeds.iter().cloned());
        let ranges = topology::ask(&nodes, &self.options).await?;
        let before = self.map();
        let mut masters = Nodes::new();
        let mut connecting = tokio::task::JoinSet::new();
        for range in &ranges {
            if masters.contains_key(&range.master) {
                continue;
            }
            let node = match before.find(&range.master) {
                Some(node) => Arc::clone(node),
                None => {
                    let node = self.node(&range.master, Some((range.first, range.last)))?;
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
        let (next, gone) = map.followed_by(ranges, masters);
        *map = Arc::new(next);
        drop(map);
        for node in gone {
            node.retire();
        }
        Ok(())
    }

    /// Handles a node whose connection was lost, or that cannot be connected to.
    pub(super) fn leave(self: &Arc<Self>, address: &Address) {
        let mut map = self.write();
        if map.guests.contains_key(address)
            && let Some(guest) = Arc::make_mut(&mut map).guests.remove(address)
        {
            guest.close();
        }
        drop(map);
        self.doubt();
    }
}

/// Marks the refresh as ended when the task ends, for whatever reason.
struct AtWork(Weak<Cluster>);

impl Drop for AtWork {
    fn drop(&mut self) {
        if let Some(cluster) = self.0.upgrade() {
            cluster.learning.store(false, Ordering::SeqCst);
        }
    }
}
