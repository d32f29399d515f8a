//! Three deployments of one server: alone, as the master that a sentinel names, and as the only node of a
//! cluster.

use std::fmt::Write;
use std::ops::Deref;
use std::thread::sleep;
use std::time::{Duration, Instant};

use throttle_runtime::backend::{Redis, RedisBuilder};

use super::Server;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Alone,
    Sentinel,
    Cluster,
}

/// A server and its deployment.
pub(crate) struct Reached {
    pub(crate) server: Server,
    pub(crate) way: Way,
    sentinel: Option<Server>,
}

impl Way {
    pub(crate) fn start(self) -> Reached {
        self.with(&[])
    }

    /// Starts a server with options of the command line.
    pub(crate) fn with(self, options: &[&str]) -> Reached {
        match self {
            Self::Cluster => self.to(Server::node_with(None, options)),
            _ => self.to(Server::with(options)),
        }
    }

    /// Uses this server, which for a cluster is a node without slots.
    pub(crate) fn to(self, server: Server) -> Reached {
        let port = server.port;
        if self == Self::Cluster {
            let mut add = String::from("CLUSTER ADDSLOTS");
            (0..16_384).for_each(|slot| write!(add, " {slot}").expect("a text"));
            let () = server.ask(&add);
            is_well(&server);
        }
        let mut reached = Reached { server, way: self, sentinel: None };
        reached.by(port);
        reached
    }
}

impl Deref for Reached {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Reached {
    /// Announces this port to applications from now on.
    pub(crate) fn by(&mut self, port: u16) {
        match self.way {
            Way::Alone => {}
            // Two sentinels are needed to declare a master as down, so one alone names this master forever.
            Way::Sentinel => {
                let watch = format!(
                    "sentinel monitor it 127.0.0.1 {port} 2\nsentinel down-after-milliseconds it 60000"
                );
                self.sentinel = Some(Server::sentinel(None, &watch));
            }
            Way::Cluster => {
                let () = self.server.ask("CONFIG SET cluster-announce-ip 127.0.0.1");
                let () = self.server.ask(&format!("CONFIG SET cluster-announce-port {port}"));
            }
        }
    }

    /// Returns a builder without the cache of denials, for an application that uses this port.
    pub(crate) fn builder(&self, port: u16) -> RedisBuilder {
        let url = format!("redis://127.0.0.1:{port}");
        let builder = match (&self.sentinel, self.way) {
            (Some(sentinel), _) => Redis::sentinel([sentinel.url()], "it"),
            (None, Way::Cluster) => Redis::cluster([url]),
            (None, _) => Redis::builder(&url),
        };
        builder.remember_denied(false)
    }

    pub(crate) fn backend(&self) -> Redis {
        self.builder(self.server.port).build().expect("a backend")
    }

    /// Ends the server like a power failure, and starts another one in its place.
    pub(crate) fn kill(self) -> impl FnOnce() -> Self {
        let Self { server, way, sentinel } = self;
        let restart = server.kill();
        move || Self { server: restart(), way, sentinel }
    }
}

/// Waits until the cluster is up. A node takes two seconds for that.
fn is_well(node: &Server) {
    let started = Instant::now();
    while !node.says("CLUSTER INFO", "cluster_state:ok") {
        assert!(started.elapsed() < Duration::from_secs(60), "no cluster");
        sleep(Duration::from_millis(20));
    }
}
