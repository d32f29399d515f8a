//! A backend that outlives the runtime that used it, and continues on another one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use throttle_runtime::BackendError;
use throttle_runtime::backend::{Backend, Charge, Mode, Redis};
use throttle_runtime::strategy::FixedWindow;
use throttle_runtime::{Key, Rate};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::failures::recovers;
use crate::nodes::{Nodes, far_apart};
use crate::server::Server;

/// Longer than any wait that can succeed.
const LONG: Duration = Duration::from_secs(10);

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

async fn decide(redis: &Redis, keys: &[Key]) -> Result<(), BackendError> {
    let rates = [Rate::per_day(1_000_000)];
    let charge = |key| Charge::new("t", key, &FixedWindow, &rates, 1);
    redis.decide(&keys.iter().map(charge).collect::<Vec<_>>(), Mode::Consume).await.map(drop)
}

/// Makes decisions on these keys without end.
fn load(runtime: &Runtime, redis: &Arc<Redis>, keys: &[Key]) {
    for _ in 0..16 {
        let (redis, keys) = (redis.clone(), keys.to_vec());
        runtime.spawn(async move {
            loop {
                let _ = decide(&redis, &keys).await;
                tokio::task::yield_now().await;
            }
        });
    }
}

/// Makes decisions on the runtime that stays, while the other one ends. Each call completes, and in the end
/// with a decision.
async fn goes_on(redis: &Arc<Redis>, keys: &[Key], ends: impl FnOnce()) {
    let mut others = JoinSet::new();
    for _ in 0..8 {
        let (redis, keys) = (redis.clone(), keys.to_vec());
        others.spawn(async move {
            for _ in 0..200 {
                let answer = timeout(LONG, decide(&redis, &keys)).await;
                let _ = answer.expect("an answer, or an error");
                sleep(Duration::from_millis(1)).await;
            }
        });
    }
    sleep(Duration::from_millis(50)).await;
    ends();
    while let Some(other) = others.join_next().await {
        other.expect("no panic");
    }
    recovers(redis).await;
    let started = Instant::now();
    while let Err(error) = timeout(LONG, decide(redis, keys)).await.expect("an answer, or an error") {
        assert!(started.elapsed() < LONG, "it does not recover: {error:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn another_runtime_goes_on_with_a_server() {
    let (server, keys) = (Server::start(), [Key::from("a")]);
    let redis = Arc::new(server.backend());
    for _ in 0..5 {
        let (first, second) = (runtime(), runtime());
        // All background tasks run on the first runtime.
        first.block_on(redis.initialize()).expect("a connection");
        load(&first, &redis, &keys);
        second.block_on(goes_on(&redis, &keys, || first.shutdown_background()));
    }
}

#[test]
fn another_runtime_goes_on_with_a_cluster() {
    let nodes = Nodes::start();
    let keys = far_apart(&nodes);
    let redis = Arc::new(nodes.builder().build().expect("a backend"));
    for of in [1, 2] {
        let (first, second) = (runtime(), runtime());
        first.block_on(redis.initialize()).expect("connections");
        load(&first, &redis, &keys[..of]);
        second.block_on(goes_on(&redis, &keys[..of], || first.shutdown_background()));
    }
}

/// The tasks of the first caller send the calls of all callers.
#[test]
fn who_waits_for_a_runtime_that_ends_is_told_at_once() {
    let server = Server::start();
    let redis = Arc::new(server.backend());
    for _ in 0..10 {
        let (first, second) = (runtime(), runtime());
        first.block_on(recovers(&redis));
        server.stop();
        for key in 0..3_u32 {
            let redis = redis.clone();
            first.spawn(async move { decide(&redis, &[Key::from(key)]).await });
            std::thread::sleep(Duration::from_millis(1));
        }
        let waiting = second.spawn({
            let redis = redis.clone();
            async move { timeout(LONG, decide(&redis, &[Key::from("a")])).await }
        });
        std::thread::sleep(Duration::from_millis(1));
        // So early that it is no evidence about the server.
        first.shutdown_timeout(LONG);
        let answer = second.block_on(waiting).expect("no panic").expect("it does not hang");
        answer.expect_err("the connection has ended");
        server.resume();
        second.block_on(recovers(&redis));
        second.shutdown_timeout(LONG);
    }
}
