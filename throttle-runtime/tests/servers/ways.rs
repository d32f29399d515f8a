//! Three ways to one server: by itself, as the master that a sentinel names, and as the only node of a cluster.

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

/// A server at the end of a way.
pub(crate) struct Reached {
    pub(crate) server: Server,
    pub(crate) way: Way,
    sentinel: Option<Server>,
}

impl Way {
    pub(crate) fn start(self) -> Reached {
        self.with(&[])
    }

    /// With options of the command line.
    pub(crate) fn with(self, options: &[&str]) -> Reached {
        match self {
            Self::Cluster => self.to(Server::node_with(None, options)),
            _ => self.to(Server::with(options)),
        }
    }

    /// To this server, which for a cluster is a node without slots.
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
    /// From now on applications are told that it is at this port.
    pub(crate) fn by(&mut self, port: u16) {
        match self.way {
            Way::Alone => {}
            // It takes two to call a master gone, so one by itself names this one for good.
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

    /// Without the memory of denials, for who knows of this port.
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

    /// Ends the server as a power failure does, and starts another one in its place.
    pub(crate) fn kill(self) -> impl FnOnce() -> Self {
        let Self { server, way, sentinel } = self;
        let restart = server.kill();
        move || Self { server: restart(), way, sentinel }
    }
}

/// A node takes two seconds to believe that it is a cluster.
fn is_well(node: &Server) {
    let started = Instant::now();
    while !node.ask::<String>("CLUSTER INFO").contains("cluster_state:ok") {
        assert!(started.elapsed() < Duration::from_secs(60), "no cluster");
        sleep(Duration::from_millis(20));
    }
}
