//! The server behind the proxy, and how applications connect to it.

use std::ops::RangeInclusive;

use throttle_runtime::backend::{Memcached, Redis};
use throttle_runtime::{Registry, RegistryBuilder, Settings, Throttle, registry};

use crate::server_memcached;
use crate::server_redis::{Reached, Way};
use crate::world::CLIENTS;

pub(crate) enum Server {
    Redis(Reached),
    Memcached(server_memcached::Server),
}

impl Server {
    pub(crate) fn redis(way: Way) -> Self {
        Self::Redis(way.start())
    }

    pub(crate) fn memcached() -> Self {
        Self::Memcached(server_memcached::Server::start())
    }

    pub(crate) const fn is_redis(&self) -> bool {
        matches!(self, Self::Redis(_))
    }

    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Redis(Reached { way: Way::Cluster, .. }))
    }

    /// Clears all of its data.
    pub(crate) fn forget(&self) {
        match self {
            Self::Redis(reached) => reached.server.ask("FLUSHALL"),
            Self::Memcached(server) => assert_eq!(server.say("flush_all\r\n", "\r\n"), "OK\r\n"),
        }
    }

    pub(crate) const fn port(&self) -> u16 {
        match self {
            Self::Redis(reached) => reached.server.port,
            Self::Memcached(server) => server.port,
        }
    }

    /// Sentinels and nodes announce this port, so that their clients do not bypass it.
    pub(crate) fn is_reached_by(&mut self, port: u16) {
        if let Self::Redis(reached) = self {
            reached.by(port);
        }
    }

    /// Returns the number of connections if this many applications open one each.
    pub(crate) const fn connections(&self, applications: u64) -> RangeInclusive<u64> {
        let more = match self {
            // The sentinel's own two connections, to the master.
            Self::Redis(Reached { way: Way::Sentinel, .. }) => 2,
            // An application that has lost a node requests the slots on separate connections: once, or several
            // times if a busy machine is late with the replies.
            Self::Redis(Reached { way: Way::Cluster, .. }) => 11 * applications,
            _ => 0,
        };
        applications..=applications + more
    }

    /// Creates the throttle of a separate application, whose backend connects to this port.
    pub(crate) async fn throttle(&self, port: u16, settings: Settings) -> (Registry, Throttle) {
        match self {
            Self::Redis(reached) => {
                let redis = reached.builder(port).max_in_flight(CLIENTS as usize);
                declare(registry().backend("store", redis.build().expect("a backend")), settings).await
            }
            Self::Memcached(_) => {
                let memcached = Memcached::new([format!("127.0.0.1:{port}")]);
                declare(registry().backend("store", memcached), settings).await
            }
        }
    }

    /// The same for an application that connects directly to the server, whatever address is announced.
    pub(crate) async fn past(&self, settings: Settings) -> (Registry, Throttle) {
        match self {
            Self::Redis(reached) => {
                let redis = Redis::builder(&reached.server.url()).remember_denied(false).build();
                declare(registry().backend("store", redis.expect("a backend")), settings).await
            }
            Self::Memcached(server) => self.throttle(server.port, settings).await,
        }
    }
}

async fn declare(declared: RegistryBuilder, settings: Settings) -> (Registry, Throttle) {
    let registry = declared.build().await.expect("a registry");
    let throttle = registry.create("limit", settings.backend("store")).expect("a throttle");
    (registry, throttle)
}
