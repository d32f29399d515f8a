//! A server, a proxy in front of it, and one limit. The application uses the proxy. The test bypasses the proxy
//! to see what was charged.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use throttle_runtime::{Rate, Registry, Settings, Throttle};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::proxy::Proxy;
use crate::server::Server;
use crate::server_redis::Way;
use crate::tally::{DEADLINE, Tally};

/// More than any scenario consumes, except for scenarios that exhaust the limit.
pub(crate) const LIMIT: u64 = 100_000;

/// The number of clients. Memcached decides about one client sequentially, so several are needed.
pub(crate) const CLIENTS: u32 = 64;

/// A deadline that a busy machine does not exceed. For what has to be decided, or to fail at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The maximum time until a healthy server is used again.
const RECOVERY: Duration = Duration::from_secs(5);

pub(crate) struct World {
    pub(crate) proxy: Proxy,
    pub(crate) server: Server,
    pub(crate) throttle: Throttle,
    past: Throttle,
    /// Keeps the backends alive.
    _registries: [Registry; 2],
}

/// The settings of most scenarios: a failure raises an error.
pub(crate) fn raising() -> Settings {
    Settings::new().timeout(DEADLINE).on_error("raise").rate(Rate::per_day(LIMIT))
}

/// The same with a long deadline, for scenarios in which time does not matter.
pub(crate) fn patient() -> Settings {
    raising().timeout(PATIENCE)
}

impl World {
    pub(crate) async fn redis() -> Self {
        Self::of(Server::redis(Way::Alone)).await
    }

    pub(crate) async fn sentinel() -> Self {
        Self::of(Server::redis(Way::Sentinel)).await
    }

    pub(crate) async fn cluster() -> Self {
        Self::of(Server::redis(Way::Cluster)).await
    }

    pub(crate) async fn memcached() -> Self {
        Self::of(Server::memcached()).await
    }

    pub(crate) async fn of(mut server: Server) -> Self {
        let proxy = Proxy::before(server.port());
        server.is_reached_by(proxy.port);
        let (one, throttle) = server.throttle(proxy.port, patient()).await;
        let (other, past) = server.past(patient()).await;
        let world = Self { proxy, server, throttle, past, _registries: [one, other] };
        assert_eq!(world.hits(3).await.admitted, 3, "it begins well");
        world.expect_charged(&Tally { admitted: 3, ..Tally::default() }, 0..=0).await;
        world.waits(DEADLINE);
        world
    }

    /// Sets the deadline of later requests.
    pub(crate) fn waits(&self, deadline: Duration) {
        self.throttle.update(Settings::new().timeout(deadline)).expect("an update");
    }

    /// Makes requests in sequence.
    pub(crate) async fn hits(&self, count: u32) -> Tally {
        let mut tally = Tally::default();
        for _ in 0..count {
            tally += Tally::of(&self.throttle, 0).await;
        }
        tally
    }

    /// Makes concurrent requests of all clients.
    pub(crate) async fn crowd(&self, count: u32) -> Tally {
        let mut tasks = JoinSet::new();
        for client in 0..count {
            let throttle = self.throttle.clone();
            tasks.spawn(async move { Tally::of(&throttle, client % CLIENTS).await });
        }
        let mut tally = Tally::default();
        tasks.join_all().await.into_iter().for_each(|one| tally += one);
        tally
    }

    /// Makes requests until one is decided, which has to be soon.
    pub(crate) async fn recovers(&self) -> Tally {
        let (started, mut tally) = (Instant::now(), Tally::default());
        while tally.admitted + tally.denied == 0 {
            assert!(started.elapsed() < RECOVERY, "it does not recover: {tally}");
            tally += Tally::of(&self.throttle, 0).await;
            sleep(Duration::from_millis(5)).await;
        }
        tally
    }

    /// Returns how much is charged to all clients on the server, after it has handled everything that reached
    /// it.
    pub(crate) async fn used(&self) -> u64 {
        let mut last = None;
        loop {
            let mut used = 0;
            for client in 0..CLIENTS {
                let quota = self.past.quotas(client).await.expect("the server is there");
                used += LIMIT - quota.remaining().expect("a limit");
            }
            if last == Some(used) {
                return used;
            }
            last = Some(used);
            sleep(Duration::from_millis(30)).await;
        }
    }

    /// Checks that everything admitted is charged, so that no more pass than the limit. `more` is the number of
    /// additional charges whose replies were lost.
    #[track_caller]
    pub(crate) fn expect_charged(
        &self,
        tally: &Tally,
        more: RangeInclusive<u64>,
    ) -> impl Future<Output = ()> {
        let (at, admitted, told) = (std::panic::Location::caller(), tally.admitted, tally.to_string());
        async move {
            let used = self.used().await;
            let is_so = used >= admitted && more.contains(&(used - admitted));
            assert!(is_so, "{used} charged, not {more:?} more than admitted, at {at}: {told}");
        }
    }
}
