//! A cluster of three masters, with a replica of the first master if a test needs one.

use std::fmt::Write;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use throttle_runtime::Key;
use throttle_runtime::backend::{Redis, RedisBuilder};

use crate::fleet::until;
use crate::server::Server;

/// The slots of each master.
pub(crate) const SLOTS: [RangeInclusive<u16>; 3] = [0..=5_460, 5_461..=10_922, 10_923..=16_383];

/// A running cluster.
pub(crate) struct Nodes {
    pub(crate) masters: Vec<Server>,
    /// The port at which the other nodes meet the first one.
    port: u16,
}

impl Nodes {
    pub(crate) fn start() -> Self {
        let masters: Vec<_> = SLOTS.iter().map(|_| Server::node()).collect();
        let port = masters[0].port;
        Self::of(masters, port)
    }

    /// Creates a cluster of three nodes, which meet the first one at this port.
    pub(crate) fn of(masters: Vec<Server>, port: u16) -> Self {
        for (index, (master, slots)) in masters.iter().zip(SLOTS).enumerate() {
            let () = master.ask(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
            let mut add = String::from("CLUSTER ADDSLOTS");
            slots.for_each(|slot| write!(add, " {slot}").expect("a text"));
            let () = master.ask(&add);
        }
        let nodes = Self { masters, port };
        nodes.masters[1..].iter().for_each(|master| nodes.meet(master));
        nodes.agree(3);
        nodes
    }

    /// Returns a cluster that other tests use as well, and that no test changes. It ends with the last of these
    /// tests.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Nodes>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let nodes = Arc::new(Self::start());
            *shared = Arc::downgrade(&nodes);
            nodes
        })
    }

    /// Adds a node to the cluster.
    pub(crate) fn meet(&self, node: &Server) {
        let () = node.ask(&format!("CLUSTER MEET 127.0.0.1 {}", self.port));
    }

    /// Starts a replica of the first master.
    pub(crate) fn replica(&self) -> Server {
        let replica = Server::node();
        self.meet(&replica);
        let first = id(&self.masters[0]);
        until("the master at its replica", || replica.says("CLUSTER NODES", &first));
        let () = replica.ask(&format!("CLUSTER REPLICATE {first}"));
        until("a replica", || self.masters[0].says("INFO replication", "state=online"));
        let replicas = || self.masters.iter().all(|it| it.says("CLUSTER NODES", "slave"));
        until("a replica that all know", replicas);
        // It may know only the first master yet. Then it would never be elected in place of that one, because it
        // would not know whom to ask for votes.
        let ids: Vec<_> = self.masters.iter().map(id).collect();
        until("a replica that knows all", || ids.iter().all(|id| replica.says("CLUSTER NODES", id)));
        replica
    }

    /// Waits until all nodes know this many nodes, and until all slots are served.
    pub(crate) fn agree(&self, known: usize) {
        let agrees = |node: &Server| {
            let told: String = node.try_ask("CLUSTER INFO").unwrap_or_default();
            ["cluster_state:ok", "cluster_slots_ok:16384", &format!("cluster_known_nodes:{known}\r")]
                .iter()
                .all(|part| told.contains(part))
        };
        until("a cluster", || self.masters.iter().all(agrees));
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.masters.iter().map(Server::url).collect()
    }

    /// Returns a builder without the cache of denials, so that every decision calls a node. It has the address
    /// of only one node.
    pub(crate) fn builder(&self) -> RedisBuilder {
        Redis::cluster([self.masters[1].url()]).remember_denied(false)
    }

    /// Returns how often clients and scripts called a command, on all nodes together.
    pub(crate) fn calls(&self, command: &str) -> u64 {
        self.masters.iter().map(|master| master.calls(command)).sum()
    }
}

/// Returns the id of a node in the cluster.
pub(crate) fn id(node: &Server) -> String {
    node.ask("CLUSTER MYID")
}

/// Returns the slot of a client's states, as a node computes it.
pub(crate) fn slot_of(node: &Server, key: &Key) -> u16 {
    node.ask(&format!("CLUSTER KEYSLOT {{{}}}", identity(key)))
}

/// Returns a client whose states are in one of these slots.
pub(crate) fn client_in(node: &Server, slots: &RangeInclusive<u16>) -> u32 {
    (0..1_000_000).find(|key| slots.contains(&slot_of(node, &Key::from(*key)))).expect("a client")
}

/// Returns two clients whose states are on different nodes.
pub(crate) fn far_apart(nodes: &Nodes) -> [Key; 2] {
    [0, 2].map(|at| Key::from(client_in(&nodes.masters[0], &SLOTS[at])))
}

/// Returns the text between the braces of a client's key names.
fn identity(key: &Key) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(key.as_bytes());
    digest[..16].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
