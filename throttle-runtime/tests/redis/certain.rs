//! Errors after which it is certain that nothing was charged, and errors after which it is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Mode, Redis};
use throttle_runtime::strategy::FixedWindow;
use throttle_runtime::{BackendError, Key, Quota, Rate, Settings, Throttle, registry};
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

use crate::failures::recovers;
use crate::faults::lossy;
use crate::nodes::{Nodes, far_apart, id, slot_of};
use crate::server::Server;

/// Two limits, so that a decision writes twice.
const RATES: [Rate; 2] = [Rate::per_day(1_000), Rate::per_hour(1_000)];

async fn decide(redis: &Redis, keys: &[Key], mode: Mode) -> Result<Vec<u64>, BackendError> {
    let charge = |key| Charge::new("t", key, &FixedWindow, &RATES, 1);
    let verdict = redis.decide(&keys.iter().map(charge).collect::<Vec<_>>(), mode).await?;
    Ok(verdict.quotas.iter().map(Quota::remaining).collect())
}

/// Returns what would be left for each of them after one more unit.
async fn left(redis: &Redis, keys: &[Key]) -> Vec<u64> {
    decide(redis, keys, Mode::Peek).await.expect("an answer")
}

async fn error(redis: &Redis, keys: &[Key]) -> BackendError {
    decide(redis, keys, Mode::Consume).await.expect_err("it fails")
}

fn said(error: &BackendError) -> String {
    std::error::Error::source(error).expect("what Redis said").to_string().to_uppercase()
}

async fn connected(server: &Server) -> Redis {
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    redis
}

#[tokio::test]
async fn what_a_server_refuses_before_a_script_or_at_its_first_write_has_charged_nothing() {
    let server = Server::start();
    let keys = [Key::from("a")];
    let () = server.ask("ACL SETUSER limited on >s3cret ~* +@all");
    let url = format!("redis://limited:s3cret@127.0.0.1:{}", server.port);
    let redis = Redis::builder(&url).remember_denied(false).build().expect("a backend");
    redis.initialize().await.expect("a connection");
    decide(&redis, &keys, Mode::Consume).await.expect("a decision");
    let before = left(&redis, &keys).await;
    for (breaks, code, mends) in [
        ("CONFIG SET maxmemory 1", "OOM", "CONFIG SET maxmemory 0"),
        ("CONFIG SET min-replicas-to-write 1", "NOREPLICAS", "CONFIG SET min-replicas-to-write 0"),
        ("ACL SETUSER limited -evalsha -eval", "NOPERM", "ACL SETUSER limited +evalsha +eval"),
        ("ACL SETUSER limited resetkeys", "NOPERM", "ACL SETUSER limited ~*"),
    ] {
        let () = server.ask(breaks);
        let error = error(&redis, &keys).await;
        assert!(said(&error).contains(code), "{error:?}");
        assert!(error.is_safe_to_retry(), "{error:?}");
        let () = server.ask(mends);
        assert_eq!(left(&redis, &keys).await, before, "{code}");
    }
}

/// The script may have written before it reaches the command that its user may not use.
#[tokio::test]
async fn a_script_that_is_stopped_half_way_is_in_doubt() {
    let server = Server::start();
    let () = server.ask("ACL SETUSER limited on >s3cret ~* +@all");
    let url = format!("redis://limited:s3cret@127.0.0.1:{}", server.port);
    let redis = Redis::builder(&url).remember_denied(false).build().expect("a backend");
    redis.initialize().await.expect("a connection");
    // If the permission were missing from the start, there would be no connection.
    let () = server.ask("ACL SETUSER limited -set");
    let error = error(&redis, &[Key::from("a")]).await;
    assert!(!error.is_safe_to_retry(), "{error:?}");
}

#[tokio::test]
async fn those_who_wait_for_others_are_told_that_they_were_not_sent() {
    let server = Server::start();
    let redis = Arc::new(connected(&server).await);
    decide(&redis, &[Key::from("a")], Mode::Consume).await.expect("a decision");
    server.stop();
    let mut tasks = JoinSet::new();
    let mut ask = |count: u32| {
        for key in 0..count {
            let redis = redis.clone();
            tasks.spawn(async move { error(&redis, &[Key::from(key)]).await });
        }
    };
    // This many calls are in progress together. Each sends the requests that wait by then.
    for _ in 0..3 {
        ask(1);
        for _ in 0..10 {
            yield_now().await;
        }
    }
    ask(20);
    sleep(Duration::from_millis(20)).await;
    let restart = server.kill();
    let errors = tasks.join_all().await;
    let certain = errors.iter().filter(|error| error.is_safe_to_retry()).count();
    assert_eq!(certain, 20, "all but those who were sent: {errors:?}");
    let _server = restart();
    recovers(&redis).await;
}

#[tokio::test]
async fn whoever_only_asked_was_charged_nothing_and_whoever_was_sent_may_have_been() {
    let (server, loses) = (Server::start(), Arc::new(AtomicBool::new(false)));
    let port = lossy(&server, &loses).await;
    let redis = Redis::builder(&format!("redis://127.0.0.1:{port}")).remember_denied(false);
    let redis = redis.build().expect("a backend");
    redis.initialize().await.expect("a connection");
    for mode in [Mode::Peek, Mode::Consume] {
        loses.store(true, Ordering::Relaxed);
        let lost = decide(&redis, &[Key::from("a")], mode).await.expect_err("lost");
        assert_eq!(lost.to_string(), "Redis did not decide");
        assert_eq!(lost.is_safe_to_retry(), mode == Mode::Peek, "{mode:?}: {lost:?}");
        loses.store(false, Ordering::Relaxed);
        recovers(&redis).await;
    }
    assert_eq!(
        left(&redis, &[Key::from("a")]).await,
        [998, 998],
        "it was charged once, and one is asked about"
    );
}

#[tokio::test]
async fn a_cluster_that_is_down_or_moves_a_slot_has_charged_nothing() {
    let nodes = Nodes::start();
    let redis = nodes.builder().build().expect("a backend");
    redis.initialize().await.expect("a connection");
    let [key, _] = far_apart(&nodes);
    let slot = slot_of(&nodes.masters[0], &key);
    let keys = [key];
    decide(&redis, &keys, Mode::Consume).await.expect("a decision");
    let before = left(&redis, &keys).await;
    let [from, to] = [&nodes.masters[0], &nodes.masters[1]];
    // One of two states has moved already.
    let () = to.ask(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(from)));
    let () = from.ask(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(to)));
    let names: Vec<String> = from.ask(&format!("CLUSTER GETKEYSINSLOT {slot} 10"));
    assert_eq!(names.len(), 2);
    let () = from.ask(&format!("MIGRATE 127.0.0.1 {} {} 0 1000", to.port, names[0]));
    let torn = error(&redis, &keys).await;
    assert!(said(&torn).contains("TRYAGAIN"), "{torn:?}");
    assert!(torn.is_safe_to_retry(), "{torn:?}");
    let () = from.ask(&format!("MIGRATE 127.0.0.1 {} {} 0 1000", to.port, names[1]));
    for node in [to, from, &nodes.masters[2]] {
        let () = node.ask(&format!("CLUSTER SETSLOT {slot} NODE {}", id(to)));
    }
    assert_eq!(left(&redis, &keys).await, before);
    let () = to.ask(&format!("CLUSTER DELSLOTS {slot}"));
    let nobody = error(&redis, &keys).await;
    assert!(nobody.is_safe_to_retry(), "{nobody:?}");
    assert!(said(&nobody).contains("CLUSTERDOWN"), "{nobody:?}");
}

/// An error that is certain for one node is not certain for a decision across several nodes.
#[tokio::test]
async fn a_decision_over_two_nodes_is_certain_if_the_first_write_was_refused_and_in_doubt_if_a_later_one_was()
{
    let nodes = Nodes::start();
    let keys = far_apart(&nodes);
    for node in &nodes.masters {
        let () = node.ask("ACL SETUSER limited on >s3cret ~* +@all");
    }
    let redis = nodes.builder().username("limited").password("s3cret").build().expect("a backend");
    redis.initialize().await.expect("a connection");
    decide(&redis, &keys, Mode::Consume).await.expect("a decision");
    for (refuses, is_certain) in [(0, true), (2, false)] {
        let before = left(&redis, &keys).await;
        let node = &nodes.masters[refuses];
        // All scripts except the one that writes the result.
        let allowed = [
            include_str!("../../src/backend/redis/decide/hold.lua"),
            include_str!("../../src/backend/redis/read.lua"),
        ];
        let allowed = allowed.map(|script| {
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(script).query::<String>(&mut node.connect()).expect("loaded")
        });
        let [hold, read] = allowed.map(|sha| format!("+evalsha|{sha}"));
        let () = node.ask(&format!("ACL SETUSER limited -evalsha -eval {hold} {read}"));
        let error = error(&redis, &keys).await;
        assert!(said(&error).contains("NOPERM"), "{error:?}");
        assert_eq!(error.is_safe_to_retry(), is_certain, "refused by node {refuses}: {error:?}");
        let () = node.ask("ACL SETUSER limited +evalsha +eval");
        let after = left(&redis, &keys).await;
        assert_eq!(before == after, is_certain, "{before:?} and then {after:?}");
        // The hold of the rejected decision ends by itself.
        decide(&redis, &keys[..1], Mode::Consume).await.expect("a decision");
        sleep(Duration::from_millis(1_100)).await;
    }
}

/// The deadline of a decision that has to complete, however busy the machine is.
const LONG: Duration = Duration::from_secs(30);

/// The deadline of a decision that cannot complete.
const SHORT: Duration = Duration::from_millis(100);

async fn throttle(redis: Redis) -> Throttle {
    let registry = registry().backend("redis", redis).build().await.expect("a registry");
    let settings = Settings::new().rate("9/day").backend("redis").on_error("raise");
    registry.create("t", settings.timeout(LONG)).expect("a throttle")
}

/// A decision on several identities holds their states for up to a second, also if its process dies meanwhile.
#[tokio::test]
async fn f36_those_who_wait_for_a_hold_are_charged_nothing() {
    let server = Server::start();
    let redis = Redis::builder(&server.url()).remember_denied(false).build().expect("a backend");
    let throttle = throttle(redis).await;
    assert_eq!(throttle.hit("a").await.expect("a decision").remaining(), Some(8));
    let name = server.ask::<Vec<String>>("KEYS *").remove(0);
    let hold = include_str!("../../src/backend/redis/decide/hold.lua");
    let mut holds = redis::cmd("EVAL");
    holds.arg(hold).arg(1).arg(&name).arg(&[7_u8; 8]);
    let deadline = |limit| throttle.update(Settings::new().timeout(limit)).expect("an update");
    deadline(SHORT);
    // A reply that is on its way at the deadline is in doubt. This is not the case for all of them, even on a
    // busy machine.
    let mut is_certain = false;
    for _ in 0..10 {
        // Only time ends a hold that exists already.
        while holds.query::<Vec<redis::Value>>(&mut server.connect()).expect("an answer").len() == 1 {
            sleep(Duration::from_millis(20)).await;
        }
        let error = throttle.hit("a").await.expect_err("it is held");
        assert!(error.is_timeout(), "{error:?}");
        is_certain |= error.is_safe_to_retry();
        if is_certain {
            break;
        }
    }
    assert!(is_certain, "no error says that nothing is charged");
    deadline(LONG);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(throttle.hit("a").await.expect("the hold is over").remaining(), Some(7));
    // A request that was sent and got no reply may have been charged.
    server.stop();
    deadline(SHORT);
    let error = throttle.hit("a").await.expect_err("no answer");
    server.resume();
    assert!(error.is_timeout() && !error.is_safe_to_retry(), "{error:?}");
}
