//! The nodes of a cluster, and which of them has which hash slots.
//!
//! Each node is a [`Slot`] as a single server is: one that is lost or hangs costs nothing to the others. What is known is
//! doubted whenever a node says so or is lost, and then learnt again, from whichever node answers.

mod across;
mod hash_slot;
mod held;
mod map;
mod part;
mod redirect;
mod topology;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard, Weak};
use std::time::Duration;

use redis::{Client, Cmd, ConnectionInfo, Value};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use self::map::{Map, Nodes};
pub(super) use self::part::{Part, lane};
pub(super) use self::redirect::{Redirect, speaks_against_map};
pub(super) use self::topology::Address;
use super::connect::{Server, Slot, closed, connector};
use super::failure::{self, Refusal};
use crate::{BackendError, ErrorKind};

/// How long a request that was sent on waits at most. Who asked has a deadline, but who sends it has none.
const SENT_ON: Duration = Duration::from_secs(1);

pub(super) struct Cluster {
    /// How nodes are reached: the address in it is that of one of the seeds.
    how: ConnectionInfo,
    /// Those that are known from the start.
    seeds: Vec<Client>,
    max_in_flight: usize,
    map: RwLock<Arc<Map>>,
    /// Whether what is known may be wrong, and whether a task is about to learn it again.
    in_doubt: AtomicBool,
    learning: AtomicBool,
    /// Held by whoever learns.
    turn: Mutex<()>,
}

impl Cluster {
    pub(super) fn new(how: ConnectionInfo, seeds: Vec<Client>, max_in_flight: usize) -> Self {
        Self {
            how,
            seeds,
            max_in_flight,
            map: RwLock::default(),
            in_doubt: AtomicBool::new(false),
            learning: AtomicBool::new(false),
            turn: Mutex::default(),
        }
    }

    /// The master of a hash slot.
    pub(super) fn of(self: &Arc<Self>, hash_slot: u16) -> Result<Arc<Slot>, BackendError> {
        let map = self.map();
        map.master(hash_slot).map_or_else(|| Err(self.unknown(&map, hash_slot)), |node| Ok(Arc::clone(node)))
    }

    /// All masters.
    pub(super) fn all(self: &Arc<Self>) -> Result<Vec<Arc<Slot>>, BackendError> {
        let map = self.map();
        if map.masters.is_empty() {
            return Err(self.unknown(&map, 0));
        }
        Ok(map.masters.values().cloned().collect())
    }

    fn unknown(self: &Arc<Self>, map: &Map, hash_slot: u16) -> BackendError {
        if map.closed {
            return closed();
        }
        self.doubt();
        if map.masters.is_empty() {
            let none = || BackendError::new(ErrorKind::Connection, "not connected to the cluster yet");
            return map.why.clone().unwrap_or_else(none);
        }
        BackendError::new(ErrorKind::Store, format!("no node of the cluster has the hash slot {hash_slot}"))
    }

    /// Learns about all nodes, and connects to them.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<(), BackendError> {
        if !self.is_connected() {
            self.learn().await?;
        }
        for node in self.all()? {
            if !node.is_connected() {
                connector::connect(&node).await?;
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
        *map = Arc::new(Map::closed());
    }

    /// Has everything learnt again, soon and behind the backs of requests.
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
                // Also after a success: who was asked may not know it yet himself.
                sleep(connector::pause(attempts)).await;
                attempts += 1;
                let is_over = |it: Arc<Self>| it.map().closed || !it.in_doubt.load(Ordering::SeqCst);
                if at_work.0.upgrade().is_none_or(is_over) {
                    break;
                }
            }
            let cluster = at_work.0.clone();
            drop(at_work);
            // A doubt that came after the last look.
            if let Some(cluster) = cluster.upgrade().filter(|it| it.in_doubt.load(Ordering::SeqCst)) {
                cluster.doubt();
            }
        });
    }

    async fn learn(self: &Arc<Self>) -> Result<(), BackendError> {
        let _turn = self.turn.lock().await;
        let known: Vec<Address> = self.map().masters.keys().cloned().collect();
        let mut nodes: Vec<Client> = known.iter().filter_map(|node| node.client(&self.how).ok()).collect();
        nodes.extend(self.seeds.iter().cloned());
        let ranges = topology::ask(&nodes).await?;
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
                    let node = self.node(&range.master)?;
                    // Whoever is there at once is used as soon as he is known.
                    connecting.spawn(connector::connect_or_go_on(Arc::clone(&node)));
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

    /// A node that was lost, or cannot be connected to.
    pub(super) fn lost(self: &Arc<Self>, address: &Address) {
        let mut map = self.write();
        if map.guests.contains_key(address)
            && let Some(guest) = Arc::make_mut(&mut map).guests.remove(address)
        {
            guest.close();
        }
        drop(map);
        self.doubt();
    }

    /// Sends a request that ran nowhere to where it belongs, once.
    pub(super) async fn follow(self: &Arc<Self>, redirect: Redirect, command: Cmd) -> Result<Value, Refusal> {
        let node = self.guest(&redirect.to)?;
        let visit = node.enter()?;
        match timeout(SENT_ON, redirect.send(&visit.connection, command)).await {
            Err(_) => {
                let text = format!("a node that a request was sent on to did not answer within {SENT_ON:?}");
                Err(BackendError::new(ErrorKind::Timeout, text).into())
            }
            Ok(answer) => {
                let connection = Arc::clone(&visit.connection);
                visit.over();
                answer.map_err(|error| failure::refusal(node.heed(&connection, error)))
            }
        }
    }

    /// The node at an address. Slots move to nodes that had none, which nobody lists among the masters before.
    fn guest(self: &Arc<Self>, address: &Address) -> Result<Arc<Slot>, BackendError> {
        if let Some(node) = self.map().find(address) {
            return Ok(Arc::clone(node));
        }
        let node = self.node(address)?;
        let mut map = self.write();
        if map.closed {
            return Err(closed());
        }
        Ok(Arc::clone(Arc::make_mut(&mut map).guests.entry(address.clone()).or_insert(node)))
    }

    fn node(self: &Arc<Self>, address: &Address) -> Result<Arc<Slot>, BackendError> {
        let client = address.client(&self.how)?;
        let server = Server::Node { client, address: address.clone(), cluster: Arc::downgrade(self) };
        Ok(Arc::new(Slot::new(server, self.max_in_flight)))
    }

    fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self) -> RwLockWriteGuard<'_, Arc<Map>> {
        self.map.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends with the task, however that ends.
struct AtWork(Weak<Cluster>);

impl Drop for AtWork {
    fn drop(&mut self) {
        if let Some(cluster) = self.0.upgrade() {
            cluster.learning.store(false, Ordering::SeqCst);
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let map = self.map();
        f.debug_map().entries(map.masters.iter().map(|(address, node)| (address.to_string(), node))).finish()
    }
}
