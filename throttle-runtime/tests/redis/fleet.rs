//! A master, its replica, and three sentinels that watch them.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use throttle_runtime::backend::{Redis, RedisBuilder};
use tokio::task::spawn_blocking;

use crate::server::Server;

/// A master with sentinels.
pub(crate) struct Fleet {
    pub(crate) master: Server,
    pub(crate) replica: Server,
    pub(crate) sentinels: Vec<Server>,
}

impl Fleet {
    /// Starts all of them. Each sentinel knows the others.
    pub(crate) fn start() -> Self {
        let master = Server::with(&["--repl-diskless-sync-delay", "0"]);
        let replica = Server::with(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
        until("a replica", || master.says("INFO replication", "state=online"));
        let sentinels: Vec<_> = (0..3).map(|_| sentinel(&master, None, "")).collect();
        for sentinel in &sentinels {
            let known = |what: &str| {
                sentinel
                    .try_ask::<Vec<redis::Value>>(&format!("SENTINEL {what} it"))
                    .map_or(0, |known| known.len())
            };
            until("sentinels who know each other", || known("SENTINELS") == 2 && known("REPLICAS") == 1);
        }
        Self { master, replica, sentinels }
    }

    /// Returns a fleet that other tests use as well, and that no test changes. It ends with the last of these
    /// tests.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Fleet>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let fleet = Arc::new(Self::start());
            *shared = Arc::downgrade(&fleet);
            fleet
        })
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Server::url).collect()
    }

    /// Returns a builder without the cache of denials, so that every decision calls the master.
    pub(crate) fn builder(&self) -> RedisBuilder {
        Redis::sentinel(self.urls(), "it").remember_denied(false)
    }
}

/// Starts one sentinel that watches a server.
pub(crate) fn sentinel(master: &Server, password: Option<&'static str>, more: &str) -> Server {
    sentinel_at(master.port, password, more)
}

/// Starts one sentinel that reaches the master at this port, and that tells its clients this port.
pub(crate) fn sentinel_at(port: u16, password: Option<&'static str>, more: &str) -> Server {
    let configuration = format!(
        "sentinel monitor it 127.0.0.1 {port} 2\n\
         sentinel down-after-milliseconds it 2000\n\
         sentinel failover-timeout it 3000\n{more}",
    );
    Server::sentinel(password, &configuration)
}

/// Waits for something that has to happen. On a busy machine, sentinels pause for half a minute at a time.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(180), "{what} did not come");
        sleep(Duration::from_millis(20));
    }
}

/// Waits until a replica has become a master. The sentinels or nodes decide when they elect it.
pub(crate) async fn elected(replica: Server) -> Server {
    let waits = spawn_blocking(move || {
        // Sentinels cut its connections during the election.
        let role = || replica.try_ask::<String>("INFO replication").unwrap_or_default();
        until(&format!("another master {}", replica.port), || role().contains("role:master"));
        replica
    });
    waits.await.expect("a replica")
}
