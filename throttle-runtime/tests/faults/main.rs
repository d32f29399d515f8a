//! Backends behind an unreliable proxy: the wait of requests, and the charges on the server.
//!
//! The rows are those of the catalogue in `docs/failures.md`, which names these tests.

mod crowd;
mod dropped;
mod failover;
mod failover_redis;
mod forgotten;
mod gone;
mod handshake;
mod late;
mod lost;
mod modes;
mod packets;
mod patience;
mod paused;
#[path = "../../src/backend/memcached/port.rs"]
mod port;
mod proxy;
mod server;
#[expect(dead_code, reason = "the tests of the backend itself ask for more")]
#[path = "../../src/backend/memcached/server.rs"]
mod server_memcached;
#[expect(dead_code, reason = "the tests of the backend itself ask for more")]
#[path = "../servers/redis.rs"]
mod server_redis;
#[path = "../../src/backend/memcached/signal.rs"]
mod signal;
mod tally;
mod world;

/// Creates a test of each scenario for each backend.
macro_rules! on_each {
    ($($scenario:ident),* $(,)?) => {
        crate::on_each!(@ redis: $($scenario),*);
        crate::on_each!(@ memcached: $($scenario),*);
    };
    (@ $way:ident: $($scenario:ident),*) => {
        mod $way {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario(crate::world::World::$way().await).await;
            })*
        }
    };
}
use on_each;

/// Creates a test of each scenario for the other kinds of Redis deployments.
macro_rules! on_each_way {
    ($($scenario:ident),* $(,)?) => {
        crate::on_each!(@ sentinel: $($scenario),*);
        crate::on_each!(@ cluster: $($scenario),*);
    };
}
use on_each_way;
