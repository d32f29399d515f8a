//! The server behind the proxy, and how applications come to it.

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

    /// Loses all that it holds.
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

    /// Sentinels and nodes say that it is at this port, so that nobody comes past it who is told by them.
    pub(crate) fn is_reached_by(&mut self, port: u16) {
        if let Self::Redis(reached) = self {
            reached.by(port);
        }
    }

    /// How many connections there are if so many applications make one each.
    pub(crate) const fn connections(&self, applications: u64) -> RangeInclusive<u64> {
        let more = match self {
            // Its own two, to the master.
            Self::Redis(Reached { way: Way::Sentinel, .. }) => 2,
            // Whoever has lost a node asks for the slots, by connections of their own: once, or a few times where a busy
            // machine is late with the answers.
            Self::Redis(Reached { way: Way::Cluster, .. }) => 11 * applications,
            _ => 0,
        };
        applications..=applications + more
    }

    /// The throttle of an application of its own, whose backend connects to this port.
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

    /// The same for one that comes straight to it, whatever others are told.
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
