//! Concurrency limits in Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use throttle_runtime::backend::{Backend, ConcurrencyPermit, PermitRequest, Redis};
use throttle_runtime::{BackendError, Key};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::nodes::Nodes;
use crate::server::Server;

const MINUTE: Duration = Duration::from_secs(60);
/// Holders renew it each half of it. A busy machine is not late by the other half.
const SHORT: Duration = Duration::from_secs(2);

pub(crate) async fn connect(redis: Redis) -> Arc<Redis> {
    redis.initialize().await.expect("a connection");
    Arc::new(redis)
}

pub(crate) async fn take(
    redis: &Redis,
    key: &str,
    limit: u32,
    lease: Duration,
) -> Result<Option<ConcurrencyPermit>, BackendError> {
    let key = Key::from(key);
    let place = PermitRequest::new("t", &key, limit, lease);
    redis.concurrency_store().expect("it has them").try_acquire(&place).await
}

async fn held(redis: &Redis, limit: u32, lease: Duration) -> ConcurrencyPermit {
    take(redis, "a", limit, lease).await.expect("an answer").expect("a place")
}

async fn is_full(redis: &Redis, limit: u32, lease: Duration) -> bool {
    take(redis, "a", limit, lease).await.expect("an answer").is_none()
}

pub(crate) fn in_flight(server: &Server) -> u64 {
    let names: Vec<String> = server.ask("KEYS *:places:*");
    names.iter().map(|name| server.ask::<u64>(&format!("ZCARD {name}"))).sum()
}

/// A process of its own. Dropping it kills the process, so that none of its tasks continues.
pub(crate) struct Process(Option<Runtime>);

impl Process {
    pub(crate) fn start() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self(Some(runtime.expect("a runtime")))
    }

    pub(crate) async fn hold(
        &self,
        server: &Server,
        limit: u32,
        lease: Duration,
    ) -> (Arc<Redis>, ConcurrencyPermit) {
        let redis = server.backend();
        let holding = self.0.as_ref().expect("it runs").spawn(async move {
            let redis = connect(redis).await;
            let held = held(&redis, limit, lease).await;
            (redis, held)
        });
        holding.await.expect("no panic")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// Waits until this many requests are in flight.
pub(crate) async fn settles(server: &Server, requests: u64) {
    let began = Instant::now();
    while in_flight(server) != requests {
        assert!(began.elapsed() < Duration::from_secs(10), "{} are in flight", in_flight(server));
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_share_their_places_and_exactly_as_many_are_taken_as_there_are() {
    let server = Server::start();
    let instances = [connect(server.backend()).await, connect(server.backend()).await];
    for _ in 0..5 {
        let mut all = JoinSet::new();
        for index in 0..60 {
            let redis = Arc::clone(&instances[index % 2]);
            all.spawn(async move { take(&redis, "a", 7, MINUTE).await.expect("an answer") });
        }
        let all = all.join_all().await;
        assert_eq!(all.iter().flatten().count(), 7);
        let other =
            take(&instances[0], "b", 1, MINUTE).await.expect("an answer").expect("a place of its own");
        drop((all, other));
        settles(&server, 0).await;
    }
    assert_eq!(server.ask::<u64>("DBSIZE"), 0, "nothing is left behind");
}

#[tokio::test]
async fn a_place_is_one_round_trip_to_take_and_one_to_free() {
    let server = Server::start();
    let redis = connect(server.backend()).await;
    // The server was probed by scripts, which are not counted.
    let () = server.ask("CONFIG RESETSTAT");
    let calls = || (server.calls("evalsha"), server.calls("eval"), server.calls("zrem"));
    let held = held(&redis, 1, MINUTE).await;
    assert_eq!(calls(), (1, 0, 0));
    assert!(is_full(&redis, 1, MINUTE).await);
    assert_eq!(calls(), (2, 0, 0));
    let ttl: u64 = server.ask(&format!("PTTL {}", server.ask::<Vec<String>>("KEYS *")[0]));
    assert!((55_000..=61_500).contains(&ttl), "{ttl}");
    drop(held);
    settles(&server, 0).await;
    assert_eq!(calls(), (2, 0, 1));
}

#[tokio::test]
async fn a_place_is_kept_for_as_long_as_it_takes() {
    let server = Server::start();
    let redis = connect(server.backend()).await;
    let held = held(&redis, 1, SHORT).await;
    let began = Instant::now();
    while began.elapsed() < 2 * SHORT {
        assert!(is_full(&redis, 1, SHORT).await, "after {:?}", began.elapsed());
        sleep(Duration::from_millis(20)).await;
    }
    drop(held);
    settles(&server, 0).await;
    assert!(!is_full(&redis, 1, SHORT).await);
}

#[tokio::test]
async fn the_places_of_a_process_that_is_killed_are_free_after_the_lease() {
    let server = Server::start();
    let redis = connect(server.backend()).await;
    let process = Process::start();
    let _held = process.hold(&server, 1, SHORT).await;
    sleep(SHORT).await;
    assert!(is_full(&redis, 1, SHORT).await);
    drop(process);
    let killed = Instant::now();
    while is_full(&redis, 1, SHORT).await {
        assert!(killed.elapsed() < 5 * SHORT, "a lease is over");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn who_gives_up_holds_nothing() {
    let server = Server::start();
    let redis = connect(server.backend()).await;
    for turn in 0..200_u64 {
        let taking = take(&redis, "a", 1, MINUTE);
        let _ = tokio::time::timeout(Duration::from_micros(turn * 5), taking).await;
    }
    settles(&server, 0).await;
    // The server hangs, and handles the commands that it received when it continues.
    server.stop();
    let taking = tokio::time::timeout(Duration::from_millis(50), take(&redis, "a", 1, MINUTE));
    taking.await.expect_err("it hangs");
    server.resume();
    settles(&server, 0).await;
}

#[tokio::test]
async fn a_place_that_could_not_be_freed_is_when_the_server_is_back() {
    let server = Server::start();
    let redis = connect(server.backend()).await;
    let held = held(&redis, 1, MINUTE).await;
    let () = server.ask("CONFIG SET requirepass s3cret");
    let _: u64 = server.try_ask("CLIENT KILL TYPE normal").unwrap_or_default();
    drop(held);
    sleep(Duration::from_millis(100)).await;
    let mut client = server.connect_unchecked();
    let _: () = redis::cmd("AUTH").arg("s3cret").query(&mut client).expect("let in");
    let _: () = redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("").query(&mut client).expect("told");
    settles(&server, 0).await;
    drop(redis);
}

#[tokio::test]
async fn a_reset_forgets_nobody_who_is_in_flight_and_the_end_waits_for_those_who_leave() {
    let server = Server::start();
    let redis = connect(server.backend()).await;
    let all = [held(&redis, 2, MINUTE).await, held(&redis, 2, MINUTE).await];
    redis.reset().await.expect("a reset");
    assert!(is_full(&redis, 2, MINUTE).await);
    drop(all);
    redis.close().await.expect("an end");
    assert_eq!(in_flight(&server), 0);
    assert!(take(&redis, "a", 1, MINUTE).await.is_err(), "it is closed");
}

#[tokio::test]
async fn b079_what_cannot_be_places_counts_as_nothing() {
    let server = Server::start();
    let redis = connect(server.backend()).await;
    let held = held(&redis, 1, MINUTE).await;
    let name = server.ask::<Vec<String>>("KEYS *")[0].clone();
    let () = server.ask(&format!("SET {name} words"));
    let other = take(&redis, "a", 1, MINUTE).await.expect("an answer").expect("a place");
    assert!(is_full(&redis, 1, MINUTE).await);
    drop((held, other));
    settles(&server, 0).await;
    // Entries without a lease belong to no process. They are removed when they are seen for the second time.
    let () = server.ask(&format!("ZADD {name} 9e15 words"));
    assert!(is_full(&redis, 1, MINUTE).await);
    assert!(!is_full(&redis, 1, MINUTE).await);
}

#[tokio::test]
async fn leases_of_different_lengths_are_kept_side_by_side() {
    let server = Server::start();
    let redis = connect(server.backend()).await;
    let long = held(&redis, 2, MINUTE).await;
    for _ in 0..10 {
        drop(take(&redis, "a", 2, SHORT).await.expect("an answer"));
    }
    settles(&server, 1).await;
    sleep(2 * SHORT).await;
    assert!(is_full(&redis, 1, SHORT).await, "the long one has not ended");
    let name = &server.ask::<Vec<String>>("KEYS *")[0];
    assert!(server.ask::<u64>(&format!("PTTL {name}")) > 50_000);
    drop(long);
}

#[tokio::test]
async fn places_are_on_the_node_of_their_states() {
    let nodes = Nodes::shared();
    let redis = connect(nodes.builder().namespace("places").build().expect("a backend")).await;
    let keys = ["a", "b", "c", "d", "e", "f"];
    let mut all = Vec::new();
    for key in keys {
        all.push(take(&redis, key, 1, SHORT).await.expect("an answer").expect("a place"));
    }
    // Each was renewed once.
    sleep(SHORT / 2 + Duration::from_millis(100)).await;
    for key in keys {
        assert!(take(&redis, key, 1, SHORT).await.expect("an answer").is_none(), "{key}");
    }
    drop(all);
    let began = Instant::now();
    for key in keys {
        while take(&redis, key, 1, SHORT).await.expect("an answer").is_none() {
            assert!(began.elapsed() < SHORT / 2, "{key} was not freed, and its lease is over");
            sleep(Duration::from_millis(5)).await;
        }
    }
}
