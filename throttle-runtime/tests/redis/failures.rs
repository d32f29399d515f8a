//! Servers that are gone, hang, lose their data or reject requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use throttle_runtime::backend::{Backend, Charge, Mode, Redis};
use throttle_runtime::strategy::FixedWindow;
use throttle_runtime::{BackendError, ErrorKind, Key, Quota, Rate, registry};
use tokio::time::{sleep, timeout};

use crate::server::{Server, Way};

pub(crate) const DEADLINE: Duration = Duration::from_millis(100);

/// Makes a decision as a throttle does: within a deadline. A busy machine may exceed it.
pub(crate) async fn hit(redis: &Redis, key: u32) -> Result<bool, Option<BackendError>> {
    match timeout(DEADLINE, decide(redis, key)).await {
        Ok(decided) => decided.map_err(Some),
        Err(_) => Err(None),
    }
}

/// Makes a decision that a server has to answer, by a verdict or by an error.
pub(crate) async fn answer(redis: &Redis, key: u32) -> Result<bool, BackendError> {
    timeout(Duration::from_secs(10), decide(redis, key)).await.expect("an answer")
}

async fn decide(redis: &Redis, key: u32) -> Result<bool, BackendError> {
    let (key, rates) = (Key::from(key), [Rate::per_day(1_000)]);
    let charges = [Charge::new("t", &key, &FixedWindow, &rates, 1)];
    Ok(redis.decide(&charges, Mode::Consume).await?.quotas.iter().all(Quota::fits))
}

/// Waits until a decision is made again. A server takes its time to start.
pub(crate) async fn recovers(redis: &Redis) {
    let started = Instant::now();
    while hit(redis, 0).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "it does not recover: {redis:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until a backend has noticed that its connection is lost.
async fn is_lost(redis: &Redis) {
    let started = Instant::now();
    while redis.is_connected() {
        assert!(started.elapsed() < Duration::from_secs(20), "it is not noticed: {redis:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn connected(server: &Server) -> Redis {
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    redis
}

#[tokio::test]
async fn a_server_that_dies_and_comes_back_is_used_again() {
    let server = Server::start();
    let redis = Arc::new(connected(&server).await);
    let load = tokio::spawn({
        let redis = redis.clone();
        async move {
            let (mut failed, mut slow) = (0, 0);
            for key in 0..400 {
                let started = Instant::now();
                failed += u32::from(hit(&redis, key).await.is_err());
                slow += u32::from(started.elapsed() >= DEADLINE);
                sleep(Duration::from_millis(2)).await;
            }
            (failed, slow)
        }
    });
    sleep(Duration::from_millis(200)).await;
    let restart = server.kill();
    sleep(Duration::from_millis(300)).await;
    is_lost(&redis).await;
    let error = hit(&redis, 0).await.expect_err("nobody is there").expect("an error at once");
    assert_eq!((error.kind(), error.is_safe_to_retry()), (ErrorKind::Connection, true), "{error}");
    let _server = restart();
    recovers(&redis).await;
    let (failed, slow) = load.await.expect("the load");
    assert!(failed > 0, "the server was away");
    // The machine may stand still for a moment, but not this often.
    assert!(slow < 5, "nobody waits for a connection, but {slow} did");
}

/// No request was made meanwhile: the first request finds a connection.
#[tokio::test]
async fn a_restart_between_two_requests_costs_none() {
    let server = Server::start();
    let redis = connected(&server).await;
    let _server = server.kill()();
    let started = Instant::now();
    while !redis.is_connected() || hit(&redis, 1).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(20)).await;
    }
    assert!(answer(&redis, 1).await.expect("a decision"));
}

#[tokio::test]
async fn a_server_that_hangs_costs_a_deadline_and_not_a_queue() {
    let server = Server::start();
    let redis = Arc::new(connected(&server).await);
    answer(&redis, 0).await.expect("a decision");
    server.stop();
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for key in 0..200 {
        let redis = redis.clone();
        tasks.spawn(async move { hit(&redis, key).await });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_err));
    assert!(started.elapsed() < 20 * DEADLINE, "{:?}", started.elapsed());
    is_lost(&redis).await;
    let started = Instant::now();
    for key in 0..200 {
        assert!(hit(&redis, key).await.expect_err("it hangs").is_some(), "an error at once");
    }
    assert!(started.elapsed() < 20 * DEADLINE, "after the silence nobody waits: {:?}", started.elapsed());
    server.resume();
    recovers(&redis).await;
}

#[tokio::test]
async fn more_than_may_wait_fail_at_once_and_who_gives_up_leaves_nothing() {
    let server = Server::start();
    let redis = server.builder().max_in_flight(4).build().expect("a backend");
    redis.initialize().await.expect("a connection");
    answer(&redis, 0).await.expect("a decision");
    server.stop();
    let (key, rates) = (Key::from(0_u32), [Rate::per_day(1_000)]);
    let charges = [Charge::new("t", &key, &FixedWindow, &rates, 1)];
    for _ in 0..10 {
        // Given up immediately, as by a client that disconnects. That is no evidence about the server.
        let mut waiting: Vec<_> = (0..4).map(|_| redis.decide(&charges, Mode::Consume)).collect();
        for waiting in &mut waiting {
            assert!(timeout(Duration::from_micros(100), waiting).await.is_err());
        }
        let error = redis.decide(&charges, Mode::Consume).await.expect_err("too many");
        assert_eq!(error.to_string(), "4 requests already wait for Redis");
        assert!(error.is_safe_to_retry());
    }
    server.resume();
    recovers(&redis).await;
    for key in 0..10 {
        assert!(answer(&redis, key).await.expect("a decision"));
    }
}

by_each_way! {
    scripts_that_are_lost_are_sent_again_and_nothing_is_charged_twice,
}

async fn scripts_that_are_lost_are_sent_again_and_nothing_is_charged_twice(way: Way) {
    let server = way.start();
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    let before = server.calls("eval");
    for hits in 0..100_u64 {
        if hits % 10 == 0 {
            let () = server.ask("SCRIPT FLUSH");
        }
        let (key, rates) = (Key::from(0_u32), [Rate::per_day(1_000)]);
        let charges = [Charge::new("t", &key, &FixedWindow, &rates, 1)];
        let verdict = redis.decide(&charges, Mode::Consume).await.expect("a decision");
        assert_eq!(verdict.quotas[0].remaining(), 999 - hits);
    }
    assert_eq!(server.calls("eval") - before, 10);
}

#[tokio::test]
async fn b077_a_server_that_is_not_there_stops_the_start() {
    let server = Server::start();
    let url = server.url();
    drop(server);
    let redis = Redis::new(&url).expect("a backend");
    let error = registry().backend("redis", redis).build().await.expect_err("nobody is there").to_string();
    assert!(
        error.contains("the backend \"redis\" cannot be initialised: cannot connect to Redis"),
        "{error}"
    );
}

#[tokio::test]
async fn b076_errors_keep_their_source_and_say_no_password() {
    let server = Server::with_password("s3cret-right");
    let url = format!("redis://:s3cret-wrong@127.0.0.1:{}", server.port);
    let redis = Redis::new(&url).expect("a backend");
    let error = redis.initialize().await.expect_err("a wrong password");
    assert!(std::error::Error::source(&error).is_some());
    let told = format!("{error} {error:?} {redis:?} {:?}", Redis::builder(&url));
    assert!(!told.contains("s3cret"), "{told}");
    let wrong = Redis::new("redis://:s3cret-wrong@[nonsense").expect_err("no URL");
    assert!(!format!("{wrong} {wrong:?}").contains("s3cret"), "{wrong}");
    let right = Redis::builder(&server.url()).password("s3cret-right").build().expect("a backend");
    right.initialize().await.expect("the right password");
    assert!(answer(&right, 0).await.expect("a decision"));
}

#[cfg(not(feature = "redis-tls"))]
#[test]
fn who_wants_tls_without_its_feature_is_told_which_it_is() {
    for url in ["rediss://:s3cret@localhost", "valkeys://:s3cret@localhost"] {
        for builder in [Redis::builder(url), Redis::sentinel([url], "it")] {
            let problem = builder.build().expect_err("no TLS").to_string();
            assert!(problem.contains("enable the feature `redis-tls`"), "{problem}");
            assert!(!problem.contains("s3cret"), "{problem}");
        }
    }
}

#[tokio::test]
async fn b075_a_closed_backend_says_so_and_leaves_no_connection() {
    let server = Server::start();
    let redis = connected(&server).await;
    let connections = || {
        let told: String = server.ask("INFO clients");
        let number = told.lines().find_map(|line| line.strip_prefix("connected_clients:"));
        number.and_then(|number| number.parse::<u32>().ok()).expect("a number")
    };
    let open = connections();
    redis.close().await.expect("closed");
    let closed = Instant::now();
    while connections() >= open {
        assert!(closed.elapsed() < Duration::from_secs(10), "a connection is left open");
        sleep(Duration::from_millis(10)).await;
    }
    let error = hit(&redis, 0).await.expect_err("closed").expect("at once");
    assert_eq!((error.kind(), error.is_safe_to_retry()), (ErrorKind::Closed, true));
    assert!(redis.initialize().await.is_err());
}

/// Before the first request, it is only known that a connection is needed.
#[tokio::test]
async fn a_backend_that_was_not_initialised_connects_by_itself() {
    let server = Server::start();
    let redis = server.backend();
    let error = hit(&redis, 0).await.expect_err("not yet").expect("at once");
    assert_eq!(error.kind(), ErrorKind::Connection);
    recovers(&redis).await;
}
