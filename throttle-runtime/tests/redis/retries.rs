//! Retries after timeouts: a charge whose reply was lost is recognized, and charged once.

use std::time::Duration;

use throttle_runtime::backend::{Backend, Redis};
use throttle_runtime::strategy::TokenBucket;
use throttle_runtime::{
    DecisionReason, ErrorKind, ManualClock, Registry, Settings, SystemClock, Throttle, registry, retry,
};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::nodes::Nodes;
use crate::proxy::Proxy;
use crate::retried;
use crate::server::Server;

#[tokio::test]
async fn f35_a_retry_is_recognised() {
    let server = Server::start();
    for by_server in [true, false] {
        let clock = ManualClock::new();
        let builder = server.builder();
        let builder = if by_server { builder } else { builder.clock(clock.clone()) };
        let redis = builder.build().expect("a backend");
        redis.initialize().await.expect("a connection");
        retried::holds(&redis).await;
        retried::holds_of_throttles(redis, clock).await;
        let () = server.ask("FLUSHALL");
    }
}

#[tokio::test]
async fn f35_a_retry_is_recognised_in_a_cluster() {
    let nodes = Nodes::shared();
    let redis = nodes.builder().namespace("f35").build().expect("a backend");
    redis.initialize().await.expect("a connection");
    retried::holds(&redis).await;
}

/// Returns a registry that reaches the server through the proxy, and a throttle that retries after timeouts.
async fn through(proxy: &Proxy, rate: &str) -> (Registry, Throttle) {
    let redis = Redis::new(&format!("redis://127.0.0.1:{}", proxy.port)).expect("a backend");
    let declared = registry().backend("redis", redis).clock(SystemClock::new());
    let registry = declared.build().await.expect("a registry");
    let on_error = retry(200).retry_on(&[ErrorKind::Timeout, ErrorKind::Connection]);
    let on_error = on_error.delay(Duration::from_millis(50)).multiplier(1);
    let settings = Settings::new().rate(rate.parse::<throttle_runtime::Rates>().expect("rates"));
    let settings = settings.strategy(TokenBucket::new()).backend("redis").timeout(Duration::from_millis(500));
    let throttle = registry.create("retries", settings.on_error(on_error)).expect("a throttle");
    (registry, throttle)
}

/// Waits until the script has run this many times.
async fn ran(server: &Server, calls: u64) {
    while server.calls("evalsha") < calls {
        sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until a first attempt has been given up, so that its reply is no longer used.
async fn retries(throttle: &Throttle) {
    while throttle.counts().retries == 0 {
        sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f35_a_charge_whose_reply_is_lost_is_retried_and_charged_once() {
    let server = Server::start();
    for cuts in [false, true] {
        let proxy = Proxy::before(server.port);
        let (_registry, throttle) = through(&proxy, "10/day").await;
        throttle.reset("a").await.expect("a reset");
        assert_eq!(throttle.hit("a").await.expect("a decision").remaining(), Some(9));
        let before = server.calls("evalsha");
        proxy.swallow_replies();
        let hit = tokio::spawn({
            let throttle = throttle.clone();
            async move { throttle.hit("a").await }
        });
        ran(&server, before + 1).await;
        if cuts {
            // The reply is lost with the connection.
            proxy.cut().await;
        }
        retries(&throttle).await;
        proxy.pass();
        let decision = hit.await.expect("no panic").expect("a decision");
        assert_eq!((decision.is_allowed(), decision.reason()), (true, DecisionReason::Backend), "{cuts}");
        assert_eq!(decision.remaining(), Some(8), "{cuts}");
        assert_eq!(throttle.hit("a").await.expect("a decision").remaining(), Some(7), "{cuts}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f35_a_denial_whose_reply_is_lost_charges_nothing() {
    let server = Server::start();
    let proxy = Proxy::before(server.port);
    let (_registry, throttle) = through(&proxy, "3/day").await;
    assert_eq!(
        throttle.hit(throttle_runtime::Hit::new("a").cost(3)).await.expect("a decision").remaining(),
        Some(0)
    );
    let before = server.calls("evalsha");
    proxy.swallow_replies();
    let hit = tokio::spawn({
        let throttle = throttle.clone();
        async move { throttle.hit("a").await }
    });
    ran(&server, before + 1).await;
    retries(&throttle).await;
    proxy.pass();
    let denied = hit.await.expect("no panic").expect("a decision");
    assert_eq!((denied.is_throttled(), denied.reason()), (true, DecisionReason::Backend));
    assert_eq!(server.ask::<Vec<String>>("KEYS *:t*").len(), 1, "only the charge left a token");
}

/// Requests that are decided together lose their replies together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f35_each_of_a_crowd_is_charged_once() {
    let server = Server::start();
    let proxy = Proxy::before(server.port);
    let (_registry, throttle) = through(&proxy, "15/day").await;
    let _ = throttle.hit("b").await.expect("a decision");
    let before = server.calls("evalsha");
    proxy.swallow_replies();
    let mut hits = JoinSet::new();
    for _ in 0..20 {
        let throttle = throttle.clone();
        hits.spawn(async move { throttle.hit("a").await.expect("a decision").is_allowed() });
    }
    ran(&server, before + 1).await;
    retries(&throttle).await;
    proxy.pass();
    let admitted = hits.join_all().await.into_iter().filter(|allowed| *allowed).count();
    assert_eq!(admitted, 15, "each admission is one charge");
    assert_eq!(throttle.quotas("a").await.expect("a decision").remaining(), Some(0));
}

#[tokio::test]
async fn f35_a_decision_is_one_round_trip() {
    let server = Server::start();
    let registry = registry().backend("redis", server.backend()).build().await.expect("a registry");
    let settings = Settings::new().rate("1000/day").backend("redis");
    // A busy machine exceeds the usual deadline. The tokens last by the time for all attempts.
    let settings = settings.timeout(Duration::from_secs(1)).total_timeout(Duration::from_secs(2));
    let recognised = settings.clone().on_error(retry(3).retry_on(&[ErrorKind::Timeout]));
    let throttles = [("plain", settings.on_error(retry(3))), ("recognised", recognised)];
    for (uid, settings) in throttles {
        let throttle = registry.create(uid, settings).expect("a throttle");
        let _ = throttle.hit("a").await.expect("a decision");
        let (before, keys) = (server.calls("evalsha"), server.ask::<u64>("DBSIZE"));
        for _ in 0..10 {
            assert!(throttle.hit("a").await.expect("a decision").is_allowed());
        }
        assert_eq!(server.calls("evalsha") - before, 10, "{uid}");
        let tokens = if uid == "plain" { 0 } else { 10 };
        assert_eq!(server.ask::<u64>("DBSIZE") - keys, tokens, "{uid}");
    }
    let ends: Vec<i64> =
        server.ask::<Vec<String>>("KEYS *:t*").iter().map(|key| server.ask(&format!("TTL {key}"))).collect();
    assert_eq!(ends.len(), 11);
    assert!(ends.iter().all(|end| (1..=13).contains(end)), "tokens end soon: {ends:?}");
}
