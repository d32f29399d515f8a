//! Requests that arrive while others wait: they are decided together, each as if it had arrived alone.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use throttle_runtime::backend::{Backend, Charge, Mode, Redis};
use throttle_runtime::strategy::{FixedWindow, Strategy};
use throttle_runtime::{BackendError, ErrorKind, Key, Quota, Rate};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::differential::{Pair, cases};
use crate::model::Model;
use crate::server::Server;
use crate::strategies::{START, each};

/// One of many concurrent requests: the strategy, the client, the cost, and whether it is only a query.
type Asked = (usize, u8, u64, bool);

fn crowds() -> impl prop::strategy::Strategy<Value = Vec<(u64, Vec<Asked>)>> {
    let asked = (0..each().len(), 0..3_u8, 0..4_u64, prop::bool::weighted(0.1));
    prop::collection::vec((0..2_000_000_u64, prop::collection::vec(asked, 1..120)), 1..4)
}

#[test]
fn requests_that_come_together_are_answered_as_if_one_after_the_other() {
    let server = Server::start();
    let pair = Pair::new(&server, false);
    let strategies = each();
    // One of the strategies has a separate list for each of two limits.
    let rates = [Rate::per_second(7), Rate::per_minute(20)];
    let scopes = Cell::new(0);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases(60)) });
    let result = runner.run(&crowds(), |crowds| {
        scopes.set(scopes.get() + 1);
        let scope = format!("t{}", scopes.get());
        let mut models: Vec<Model> = strategies.iter().map(|_| Model::default()).collect();
        let mut now = START;
        for (gap, crowd) in crowds {
            now += gap;
            pair.clock.set(now);
            let keys: Vec<Key> = crowd.iter().map(|asked| Key::from(asked.1)).collect();
            let charges: Vec<_> = crowd
                .iter()
                .zip(&keys)
                .map(|(&(which, _, cost, _), key)| {
                    [Charge::new(&scope, key, &*strategies[which], &rates[..=which % 2], cost)]
                })
                .collect();
            let mode = |asked: &Asked| if asked.3 { Mode::Peek } else { Mode::Consume };
            let before = server.calls("evalsha");
            let answers = pair.runtime.block_on(join_all(
                crowd.iter().zip(&charges).map(|(asked, charge)| pair.redis.decide(charge, mode(asked))),
            ));
            let calls = server.calls("evalsha") - before;
            prop_assert!(calls <= 4, "{calls} calls for {} requests", crowd.len());
            for ((asked, charge), answer) in crowd.iter().zip(&charges).zip(answers) {
                let there = answer.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
                let here = models[asked.0].decide(charge, mode(asked), now);
                prop_assert_eq!(there, here, "{:?} of {:?}", asked, crowd);
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// A decision on a limit of its own.
struct Request {
    redis: Arc<Redis>,
    key: Key,
    rates: [Rate; 1],
}

impl Request {
    fn new(redis: &Arc<Redis>, key: impl Into<Key>) -> Self {
        Self { redis: redis.clone(), key: key.into(), rates: [Rate::per_day(1_000)] }
    }

    async fn decide(&self, strategy: &dyn Strategy, mode: Mode) -> Result<u64, BackendError> {
        let charges = [Charge::new("t", &self.key, strategy, &self.rates, 1)];
        let verdict = self.redis.decide(&charges, mode).await?;
        Ok(verdict.quotas.iter().map(Quota::remaining).sum())
    }

    async fn hit(&self) -> Result<u64, BackendError> {
        self.decide(&FixedWindow, Mode::Consume).await
    }
}

async fn connected(server: &Server) -> Arc<Redis> {
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    // The server was probed by scripts, which are not counted.
    let () = server.ask("CONFIG RESETSTAT");
    Arc::new(redis)
}

#[tokio::test]
async fn who_comes_alone_waits_for_nobody() {
    let server = Server::start();
    let redis = connected(&server).await;
    for hits in 1..=20 {
        assert_eq!(Request::new(&redis, "a").hit().await.expect("a decision"), 1_000 - hits);
        assert_eq!(server.calls("evalsha"), hits);
    }
}

/// Starts as many calls as may be in progress, so that other requests wait for one of them to end.
async fn as_many_calls(redis: &Arc<Redis>) -> Vec<JoinHandle<Result<u64, BackendError>>> {
    let mut calls = Vec::new();
    for key in ["x", "y", "z"] {
        let request = Request::new(redis, key);
        calls.push(tokio::spawn(async move { request.hit().await }));
        sleep(Duration::from_millis(10)).await;
    }
    calls
}

#[tokio::test]
async fn who_gives_up_before_he_was_sent_is_not_charged() {
    let server = Server::start();
    let redis = connected(&server).await;
    server.stop();
    let under_way = as_many_calls(&redis).await;
    let gives_up = Request::new(&redis, "a");
    let mut gives_up = Box::pin(gives_up.hit());
    let stays = Request::new(&redis, "a");
    let mut stays = Box::pin(stays.hit());
    // Clients disconnect, which is no evidence about the server.
    assert!(timeout(Duration::from_millis(5), &mut gives_up).await.is_err());
    assert!(timeout(Duration::from_millis(5), &mut stays).await.is_err());
    drop(gives_up);
    server.resume();
    assert_eq!(stays.await.expect("a decision"), 999, "only one of the two was charged");
    for request in under_way {
        assert_eq!(request.await.expect("it ends").expect("a decision"), 999);
    }
}

#[tokio::test]
async fn a_batch_that_everybody_left_is_not_sent() {
    let server = Server::start();
    let redis = connected(&server).await;
    server.stop();
    let under_way = as_many_calls(&redis).await;
    for _ in 0..3 {
        let leave = ["a", "b"].map(|key| Request::new(&redis, key));
        let leave = timeout(Duration::from_millis(5), join_all(leave.iter().map(Request::hit))).await;
        assert!(leave.is_err());
    }
    server.resume();
    for request in under_way {
        request.await.expect("it ends").expect("a decision");
    }
    assert_eq!(Request::new(&redis, "a").hit().await.expect("a decision"), 999);
    assert_eq!(server.calls("evalsha"), 4, "of those who left nothing was sent");
}

#[tokio::test]
async fn whoever_leaves_takes_nobody_along() {
    let server = Server::start();
    let redis = connected(&server).await;
    server.stop();
    let mut requests: Vec<_> = (0..40_u32)
        .map(|key| {
            let request = Request::new(&redis, key);
            tokio::spawn(async move { request.hit().await })
        })
        .collect();
    sleep(Duration::from_millis(20)).await;
    // Two requests that may have been sent or may wait. A third one would be evidence against the connection.
    for leaves in [0, 2] {
        requests[leaves].abort();
    }
    server.resume();
    for (key, request) in requests.drain(..).enumerate() {
        match request.await {
            Ok(answer) => assert_eq!(answer.expect("a decision"), 999, "of {key}"),
            Err(error) => assert!(error.is_cancelled() && [0, 2].contains(&key)),
        }
    }
}

#[tokio::test]
async fn with_the_connection_the_waiting_ends() {
    let server = Server::start();
    let redis = connected(&server).await;
    server.stop();
    let requests: Vec<_> = (0..40_u32)
        .map(|key| {
            let request = Request::new(&redis, key);
            tokio::spawn(async move { request.hit().await })
        })
        .collect();
    sleep(Duration::from_millis(20)).await;
    let _restart = server.kill();
    for request in requests {
        let error = timeout(Duration::from_secs(5), request).await.expect("at once").expect("it ends");
        assert_eq!(error.expect_err("nobody is there").kind(), ErrorKind::Connection);
    }
}

/// A server that cannot write still denies, also in a batch with other requests.
#[tokio::test]
async fn who_does_not_fit_needs_no_room() {
    let server = Server::start();
    let redis = connected(&server).await;
    let once = |key: u32| Request { rates: [Rate::per_day(1)], ..Request::new(&redis, key) };
    let full: Vec<_> = (0..20).map(once).collect();
    let free: Vec<_> = (20..40_u32).map(|key| Request::new(&redis, key)).collect();
    assert!(join_all(full.iter().map(Request::hit)).await.iter().all(Result::is_ok));
    let () = server.ask("CONFIG SET maxmemory 1");
    let both = full.iter().zip(&free).flat_map(|(full, free)| [full, free]);
    for (number, answer) in join_all(both.map(Request::hit)).await.into_iter().enumerate() {
        if number % 2 == 0 {
            assert_eq!(answer.expect("a denial"), 0);
        } else {
            assert_eq!(answer.expect_err("no room").kind(), ErrorKind::Store);
        }
    }
    let () = server.ask("CONFIG SET maxmemory 0");
    for answer in join_all(free.iter().map(Request::hit)).await {
        assert_eq!(answer.expect("a decision"), 999, "nothing was charged before");
    }
}

#[tokio::test]
async fn of_requests_that_are_alike_each_has_its_own_answer() {
    let server = Server::start();
    let redis = connected(&server).await;
    let once = |key: u32| Request { rates: [Rate::per_day(1)], ..Request::new(&redis, key) };
    let all: Vec<_> = (0..40).map(once).collect();
    let odd = all.iter().skip(1).step_by(2);
    assert!(join_all(odd.map(Request::hit)).await.iter().all(Result::is_ok));
    let charges: Vec<_> =
        all.iter().map(|one| [Charge::new("t", &one.key, &FixedWindow, &one.rates, 1)]).collect();
    let before = server.calls("evalsha");
    let answers = join_all(charges.iter().map(|charge| redis.decide(charge, Mode::Consume))).await;
    assert!(server.calls("evalsha") - before <= 4);
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.expect("a decision").quotas[0].fits(), number % 2 == 0, "{number}");
    }
}
