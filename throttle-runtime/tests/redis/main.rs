//! The Redis backend on real servers.

/// Creates a test of each scenario for each kind of deployment.
macro_rules! by_each_way {
    ($($scenario:ident),* $(,)?) => {
        crate::by_each_way!(@ alone Alone: $($scenario),*);
        crate::by_each_way!(@ sentinel Sentinel: $($scenario),*);
        crate::by_each_way!(@ cluster Cluster: $($scenario),*);
    };
    (@ $name:ident $way:ident: $($scenario:ident),*) => {
        mod $name {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(crate::server::Way::$way).await;
            })*
        }
    };
}
use by_each_way;

mod addresses;
mod any_state;
mod batches;
mod certain;
mod cluster;
mod decisions;
mod differential;
mod elsewhere;
mod ends;
mod failures;
mod fake;
mod faults;
mod fleet;
mod in_flight;
#[path = "../instances/mod.rs"]
mod instances;
#[cfg(target_os = "linux")]
mod jumps;
mod large_limits;
mod losses;
mod model;
mod moves;
mod nodes;
mod outages;
mod parted;
mod places;
#[path = "../../src/backend/memcached/port.rs"]
mod port;
#[expect(dead_code, reason = "it does more where every fault is tried")]
#[path = "../faults/proxy/mod.rs"]
mod proxy;
#[path = "../refunded/mod.rs"]
mod refunded;
#[path = "../retried/mod.rs"]
mod retried;
mod retries;
mod runtimes;
mod sentinel;
#[path = "../served/mod.rs"]
mod served;
#[path = "../servers/redis.rs"]
mod server;
mod shared;
#[path = "../../src/backend/memcached/signal.rs"]
mod signal;
mod strangers;
#[expect(dead_code, reason = "some of it is for tests without a server")]
#[path = "../strategies/common.rs"]
mod strategies;
#[cfg(feature = "redis-tls")]
mod tls;

use served::Served;
use server::Server;
use throttle_runtime::ManualClock;
use throttle_runtime::backend::{Backend, Redis};
use throttle_runtime::testkit::{Subject, conformance};

conformance!(kit, backend: || async {
    let (server, clock) = (Server::start(), ManualClock::new());
    let backend = server.builder().clock(clock.clone()).build().expect("a backend");
    backend.initialize().await.expect("a connection");
    Subject::new(Served { backend, _server: server }).clock(clock)
});

// With the cache of denials, and the clock of the server.
conformance!(as_it_is, backend: || async {
    let server = Server::start();
    let backend = Redis::new(&server.url()).expect("a backend");
    backend.initialize().await.expect("a connection");
    Subject::new(Served { backend, _server: server })
});
