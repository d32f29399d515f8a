//! Backends behind a way that fails: what requests wait for, and what is charged, counted at the server.
//!
//! The rows of the catalogue that are shown here are those of `docs/failures.md` that name these tests.

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
mod proxy;
mod server;
#[expect(dead_code, reason = "the tests of the backend itself ask for more")]
#[path = "../servers/memcached.rs"]
mod server_memcached;
#[expect(dead_code, reason = "the tests of the backend itself ask for more")]
#[path = "../servers/redis.rs"]
mod server_redis;
mod tally;
mod world;

/// A test of each scenario on each backend.
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

/// The same on Redis by the other ways to it.
macro_rules! on_each_way {
    ($($scenario:ident),* $(,)?) => {
        crate::on_each!(@ sentinel: $($scenario),*);
        crate::on_each!(@ cluster: $($scenario),*);
    };
}
use on_each_way;
