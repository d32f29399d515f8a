//! The nodes of a cluster, and their hash slots.
//!
//! Each node is a [`ConnectionHandle`], as a single server is. A node that is lost or hangs does not affect the others. The
//! slot map is refreshed whenever a node reports a change or is lost, from the first node that responds.
//!
//! The cluster client of the client crate is not used. It repeats commands after a lost connection, which
//! charges twice. It does not notice that a hanging master was replaced, and it does not support batches. A
//! redirected request (`MOVED`, `ASK`) was not executed, so it is sent again, once.

mod redirect;
mod refresh;
mod slot_map;
mod topology;

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock, RwLockWriteGuard, Weak};

use redis::{Client, Cmd, ConnectionInfo};
use tokio::sync::Mutex;

use super::connection::{
    Address, ConnectionHandle, Locator, NodeEvents, Options, Redirect, Redirected, closed, connector,
};
use crate::error::{BackendError, ErrorKind};
use crate::util::sync;
use slot_map::SlotMap;

pub(super) struct Cluster {
    /// How to connect to nodes. The address in it is that of one of the seeds.
    settings: ConnectionInfo,
    /// The nodes that the application configured.
    seeds: Vec<Client>,
    options: Options,
    max_in_flight: usize,
    map: RwLock<Arc<SlotMap>>,
    /// Whether the slot map may be outdated. `is_refreshing` is whether a task refreshes it.
    is_stale: AtomicBool,
    is_refreshing: AtomicBool,
    /// Held by the task that refreshes the slot map.
    refresh_lock: Mutex<()>,
}

impl Cluster {
    pub(super) fn new(
        settings: ConnectionInfo,
        seeds: Vec<Client>,
        options: Options,
        max_in_flight: usize,
    ) -> Self {
        Self {
            settings,
            seeds,
            options,
            max_in_flight,
            map: RwLock::default(),
            is_stale: AtomicBool::new(false),
            is_refreshing: AtomicBool::new(false),
            refresh_lock: Mutex::default(),
        }
    }

    /// Returns the connection to the master of a hash slot.
    pub(super) fn master(self: &Arc<Self>, hash_slot: u16) -> Result<Arc<ConnectionHandle>, BackendError> {
        let map = self.map();
        map.master(hash_slot)
            .map_or_else(|| Err(self.unknown_slot(&map, hash_slot)), |node| Ok(Arc::clone(node)))
    }

    /// Returns the connections to all masters.
    pub(super) fn all(self: &Arc<Self>) -> Result<Vec<Arc<ConnectionHandle>>, BackendError> {
        let map = self.map();
        if map.masters.is_empty() {
            return Err(self.unknown_slot(&map, 0));
        }
        Ok(map.masters.values().cloned().collect())
    }

    fn unknown_slot(self: &Arc<Self>, map: &SlotMap, hash_slot: u16) -> BackendError {
        if map.closed {
            return closed();
        }
        self.start_refresh();
        if map.masters.is_empty() {
            let not_connected =
                || BackendError::new(ErrorKind::Connection, "not connected to the cluster yet");
            return map.error.clone().unwrap_or_else(not_connected).safe_to_retry();
        }
        let text = format!("no node of the cluster has the hash slot {hash_slot}");
        BackendError::new(ErrorKind::Store, text).safe_to_retry()
    }

    /// Reads the slot map, and connects to all nodes in it.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<(), BackendError> {
        if !self.is_connected() {
            self.refresh().await?;
        }
        for node in self.all()? {
            // A connection to a node that was found just now has been tried already.
            match node.last_error() {
                _ if node.is_connected() => {}
                Some(error) => return Err(error),
                None => connector::connect(&node).await?,
            }
        }
        Ok(())
    }

    pub(super) fn is_connected(&self) -> bool {
        let map = self.map();
        !map.masters.is_empty() && map.masters.values().all(|node| node.is_connected())
    }

    pub(super) fn close(&self) {
        let mut map = self.write();
        map.nodes().for_each(|node| node.close());
        *map = Arc::new(SlotMap::closed());
    }

    /// Creates the handle of a node.
    fn new_node(
        self: &Arc<Self>,
        address: &Address,
        hash_slots: Option<(u16, u16)>,
    ) -> Result<Arc<ConnectionHandle>, BackendError> {
        let client = address.client(&self.settings)?;
        // A node must not keep its cluster alive.
        let cluster: Weak<Self> = Arc::downgrade(self);
        let locator = Locator::Node { client, address: address.clone(), hash_slots, cluster };
        Ok(connector::new_handle(locator, self.options.clone(), self.max_in_flight))
    }

    fn map(&self) -> Arc<SlotMap> {
        Arc::clone(&sync::read(&self.map))
    }

    fn write(&self) -> RwLockWriteGuard<'_, Arc<SlotMap>> {
        sync::write(&self.map)
    }
}

impl NodeEvents for Cluster {
    fn lost(self: Arc<Self>, address: &Address) {
        self.handle_lost_node(address);
    }

    fn mark_stale(self: Arc<Self>) {
        self.start_refresh();
    }

    fn follow(self: Arc<Self>, redirect: Redirect, command: Cmd) -> Redirected {
        Box::pin(async move { self.send_redirected(redirect, command).await })
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let map = self.map();
        f.debug_map().entries(map.masters.iter().map(|(address, node)| (address.to_string(), node))).finish()
    }
}
