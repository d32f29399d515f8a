//! A healthy cluster: exact, all or nothing across nodes, and one round trip whenever one slot is enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use throttle_runtime::backend::{Backend, Charge, Mode, Redis};
use throttle_runtime::strategy::{Arrival, FixedWindow, State, Step, Strategy};
use throttle_runtime::testkit::{Subject, conformance};
use throttle_runtime::{ErrorKind, Key, ManualClock, Quota, Rate, Rates};
use tokio::time::sleep;

use crate::decisions::admitted_by_four;
use crate::nodes::{Nodes, SLOTS, client_in, far_apart, slot_of};
use crate::served::Served;
use crate::strategies::each;

/// Returns a unique namespace. The nodes are shared, and a reset clears one namespace.
fn namespace() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("n{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

conformance!(kit, backend: || async {
    let (nodes, clock) = (Nodes::shared(), ManualClock::new());
    let builder = nodes.builder().namespace(namespace()).clock(clock.clone());
    let backend = builder.build().expect("a backend");
    backend.initialize().await.expect("a connection");
    Subject::new(Served { backend, _server: nodes }).clock(clock)
});

// With the cache of denials, and the clocks of the nodes.
conformance!(as_it_is, backend: || async {
    let nodes = Nodes::shared();
    let backend = Redis::cluster(nodes.urls()).namespace(namespace()).build().expect("a backend");
    backend.initialize().await.expect("a connection");
    Subject::new(Served { backend, _server: nodes })
});

async fn connected(nodes: &Nodes) -> Redis {
    let redis = nodes.builder().namespace(namespace()).build().expect("a backend");
    redis.initialize().await.expect("a connection");
    redis
}

async fn admitted(redis: &Redis, charges: &[Charge<'_>]) -> bool {
    loop {
        match redis.decide(charges, Mode::Consume).await {
            Ok(verdict) => return verdict.quotas.iter().all(Quota::fits),
            // In a crowd on a slow machine, a hold that lasts too long is released.
            Err(error) if error.kind() == ErrorKind::Timeout => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

const NODES: &str = "THROTTLE_TEST_REDIS_CLUSTER";

#[test]
fn four_processes_share_one_limit() {
    let nodes = Nodes::shared();
    assert_eq!(admitted_by_four("cluster::one_of_four", NODES, &nodes.urls().join(" ")), 1_000);
}

/// The work of each of the four processes. Does nothing if no test has started it.
#[tokio::test]
async fn one_of_four() {
    let Ok(urls) = std::env::var(NODES) else { return };
    let redis = Redis::cluster(urls.split(' ')).namespace("four").build().expect("a backend");
    redis.initialize().await.expect("a connection");
    let (key, rates) = (Key::from("a"), [Rate::per_day(1_000)]);
    let charges = [Charge::new("t", &key, &FixedWindow, &rates, 1)];
    let mut count = 0;
    for _ in 0..500 {
        count += usize::from(admitted(&redis, &charges).await);
    }
    println!("admitted {count} ");
}

#[tokio::test]
async fn a_decision_is_one_round_trip_with_one_limit_and_with_eight() {
    let nodes = Nodes::start();
    let redis = connected(&nodes).await;
    let rates: Rates =
        "10/s, 20/2s, 30/min, 40/hour, 50/day, 60/2min, 70/3min, 80/week".parse().expect("rates");
    let keys: Vec<Key> = SLOTS.iter().map(|slots| client_in(&nodes.masters[0], slots).into()).collect();
    for strategy in each() {
        for rates in [&rates[..1], &rates[..]] {
            let before = (nodes.calls("evalsha"), nodes.calls("eval"));
            for _ in 0..5 {
                for key in &keys {
                    admitted(&redis, &[Charge::new("t", key, &*strategy, rates, 1)]).await;
                }
            }
            let after = (nodes.calls("evalsha"), nodes.calls("eval"));
            assert_eq!(after, (before.0 + 15, before.1), "{}: {} limits", strategy.name(), rates.len());
        }
    }
}

/// Tasks on several connections, like several processes. Some decisions charge two clients, and others charge
/// one.
async fn at_once(nodes: &Nodes, strategy: &'static dyn Strategy, scope: &'static str) {
    let namespace = namespace();
    let keys: [u32; 2] = [0, 2].map(|at| client_in(&nodes.masters[0], &SLOTS[at]));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..12 {
        let redis = nodes.builder().namespace(&*namespace).build().expect("a backend");
        redis.initialize().await.expect("a connection");
        tasks.spawn(async move {
            let (keys, rates) = (keys.map(Key::from), [Rate::per_day(60)]);
            let charge = |at: usize| Charge::new(scope, &keys[at], strategy, &rates, 1);
            let mut passed = [0, 0];
            for _ in 0..20 {
                match task % 4 {
                    0 => passed[0] += u64::from(admitted(&redis, &[charge(0)]).await),
                    1 => passed[1] += u64::from(admitted(&redis, &[charge(1)]).await),
                    it => {
                        let both = if it == 2 { [charge(0), charge(1)] } else { [charge(1), charge(0)] };
                        let both = u64::from(admitted(&redis, &both).await);
                        passed = passed.map(|passed| passed + both);
                    }
                }
            }
            passed
        });
    }
    let passed = tasks.join_all().await;
    let redis = nodes.builder().namespace(&*namespace).build().expect("a backend");
    redis.initialize().await.expect("a connection");
    for (index, key) in keys.into_iter().map(Key::from).enumerate() {
        let (passed, rates): (u64, _) =
            (passed.iter().map(|passed| passed[index]).sum(), [Rate::per_day(60)]);
        let charges = [Charge::new(scope, &key, strategy, &rates, 1)];
        let verdict = redis.decide(&charges, Mode::Peek).await.expect("a decision");
        assert_eq!(verdict.quotas[0].remaining(), 60 - passed, "{scope}: {passed} passed");
        assert_eq!(passed, 60, "as many as there is room for: {scope}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_over_several_nodes_are_exact_however_many_come_at_once() {
    let nodes = Nodes::shared();
    at_once(&nodes, &FixedWindow, "built in").await;
    at_once(&nodes, &Unknown, "unknown").await;
}

/// A strategy as an application implements it.
#[derive(Debug)]
struct Unknown;

impl Strategy for Unknown {
    fn name(&self) -> &'static str {
        "unknown"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let left = arrival.rate.limit().saturating_sub(state.word());
        let quota = match left.checked_sub(arrival.cost) {
            Some(left) => Quota::allowed(arrival.rate, left),
            None => Quota::denied(arrival.rate, left, 1_000_000),
        };
        let until = arrival.now + arrival.rate.period_micros();
        Step { quota, state: State::new(until, state.word() + arrival.cost) }
    }
}

/// Polls a future each time it is woken, at most this many times, and drops it.
async fn drop_at(step: u32, future: impl Future) {
    let (mut future, mut polled) = (Box::pin(future), 0);
    std::future::poll_fn(|context| {
        polled += 1;
        if future.as_mut().poll(context).is_ready() || polled == step {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// The decision is dropped at each of its steps, also at those for which it has to wait.
#[tokio::test]
async fn b073_a_decision_that_is_dropped_between_two_nodes_is_all_or_nothing() {
    let nodes = Nodes::shared();
    let redis = connected(&nodes).await;
    let keys = [0, 2].map(|at| Key::from(client_in(&nodes.masters[0], &SLOTS[at])));
    let (rates, scope) = ([Rate::per_day(1_000)], namespace());
    let both = keys.each_ref().map(|key| Charge::new(&scope, key, &FixedWindow, &rates, 1));
    let mut last = 1_000;
    for step in (1..=6).cycle().take(120) {
        drop_at(step, redis.decide(&both, Mode::Consume)).await;
        // Work that continues in the background comes before the next decision on the same clients.
        let verdict = loop {
            match redis.decide(&both, Mode::Consume).await {
                Ok(verdict) => break verdict,
                // On a slow machine, a hold that lasts too long is released, and nothing is charged.
                Err(error) => assert!(error.is_timeout() && error.is_safe_to_retry(), "{error:?}"),
            }
        };
        let left: Vec<_> = verdict.quotas.iter().map(Quota::remaining).collect();
        assert_eq!(left[0], left[1], "dropped at step {step}");
        assert!([1, 2].contains(&(last - left[0])), "at step {step} of {last} there are {left:?} left");
        last = left[0];
    }
}

/// The hold of a process that is gone blocks others for at most a second.
#[tokio::test]
async fn b072_a_hold_of_the_dead_ends() {
    // Not the shared nodes: the hold would last while another test decides about its states in the same slot.
    let nodes = Nodes::start();
    let redis = connected(&nodes).await;
    let (key, rates) = (Key::from(client_in(&nodes.masters[0], &SLOTS[0])), [Rate::per_day(5)]);
    let scope = namespace();
    let charges = [Charge::new(&scope, &key, &FixedWindow, &rates, 1)];
    assert!(admitted(&redis, &charges).await);
    let names: Vec<String> = nodes.masters[0].ask("KEYS *");
    let slot = slot_of(&nodes.masters[0], &key);
    let is_own = |name: &&String| nodes.masters[0].ask::<u16>(&format!("CLUSTER KEYSLOT {name}")) == slot;
    let names: Vec<_> = names.iter().filter(is_own).collect();
    // The holds begin after this, so none of them ends within a second from now.
    let started = Instant::now();
    for name in names {
        for (token, answers) in [("12345678", 2), ("abcdefgh", 1)] {
            let mut hold = redis::cmd("EVAL");
            hold.arg(include_str!("../../src/backend/redis/decide/hold.lua")).arg(1).arg(name).arg(token);
            let held: Vec<redis::Value> = hold.query(&mut nodes.masters[0].connect()).expect("an answer");
            assert_eq!(held.len(), answers, "one holds it, and no other one");
        }
    }
    let peeked = redis.decide(&charges, Mode::Peek).await.expect("a decision");
    assert_eq!(peeked.quotas[0].remaining(), 3);
    assert!(started.elapsed().as_millis() < 990, "who only asks waits for nobody: {:?}", started.elapsed());
    let verdict = redis.decide(&charges, Mode::Consume).await.expect("a decision");
    assert_eq!(verdict.quotas[0].remaining(), 3, "a hold takes nothing away");
    let waited = started.elapsed().as_millis();
    assert!((990..3_000).contains(&waited), "{waited} ms");
}

/// Returns what is left for each of them.
async fn left(redis: &Redis, charges: &[Charge<'_>]) -> Vec<u64> {
    let verdict = redis.decide(charges, Mode::Peek).await.expect("an answer");
    verdict.quotas.iter().map(Quota::remaining).collect()
}

/// Later, another process might get a hold before the result is written.
#[tokio::test]
async fn b072_writing_begins_in_the_first_half_of_a_holds_life_or_not_at_all() {
    let nodes = Nodes::start();
    let redis = Arc::new(connected(&nodes).await);
    let (keys, rates) = (far_apart(&nodes), [Rate::per_day(9)]);
    let charges = || keys.each_ref().map(|key| Charge::new("t", key, &FixedWindow, &rates, 1));
    assert!(admitted(&redis, &charges()).await);
    let before = left(&redis, &charges()).await;
    // Each node responds in time, but both together are too late.
    let halves = [&nodes.masters[0], &nodes.masters[2]];
    for node in halves {
        node.stop();
    }
    let deciding = tokio::spawn({
        let (redis, keys) = (redis.clone(), keys.clone());
        async move {
            let charges = keys.each_ref().map(|key| Charge::new("t", key, &FixedWindow, &rates, 1));
            redis.decide(&charges, Mode::Consume).await
        }
    });
    for node in halves {
        sleep(Duration::from_millis(350)).await;
        node.resume();
    }
    let error = deciding.await.expect("no panic").expect_err("it is too late");
    assert_eq!((error.kind(), error.is_safe_to_retry()), (ErrorKind::Timeout, true), "{error:?}");
    assert_eq!(left(&redis, &charges()).await, before);
    assert!(admitted(&redis, &charges()).await, "and nothing is held any more");
}

#[tokio::test]
async fn b072_who_waits_for_a_hold_gives_up_in_the_first_half_of_his_own() {
    let nodes = Nodes::start();
    let redis = connected(&nodes).await;
    let (keys, rates) = (far_apart(&nodes), [Rate::per_day(9)]);
    let charges = keys.each_ref().map(|key| Charge::new("t", key, &FixedWindow, &rates, 1));
    assert!(admitted(&redis, &charges).await);
    let before = left(&redis, &charges).await;
    let last = &nodes.masters[2];
    let names: Vec<String> = last.ask("KEYS *");
    let mut hold = redis::cmd("EVAL");
    hold.arg(include_str!("../../src/backend/redis/decide/hold.lua")).arg(1).arg(&names).arg("12345678");
    let held: Vec<redis::Value> = hold.query(&mut last.connect()).expect("an answer");
    assert_eq!(held.len(), 2, "somebody else holds it");
    let started = Instant::now();
    let error = redis.decide(&charges, Mode::Consume).await.expect_err("it is held");
    let waited = started.elapsed().as_millis();
    assert!((400..990).contains(&waited), "{waited} ms");
    assert_eq!((error.kind(), error.is_safe_to_retry()), (ErrorKind::Timeout, true), "{error:?}");
    assert_eq!(left(&redis, &charges).await, before);
    assert!(admitted(&redis, &charges[..1]).await);
    // His own hold began after `started`, so without this it would last longer than a second.
    assert!(started.elapsed().as_millis() < 990, "what he held is let go: {:?}", started.elapsed());
}

#[tokio::test]
async fn b074_a_reset_forgets_one_namespace_on_all_nodes_and_nothing_else() {
    let nodes = Nodes::start();
    let [one, other] =
        ["shop", "shop:eu"].map(|it| nodes.builder().namespace(it).build().expect("a backend"));
    let rates = [Rate::per_day(5)];
    for redis in [&one, &other] {
        redis.initialize().await.expect("a connection");
        for key in 0..300_u32 {
            let key = Key::from(key);
            assert!(admitted(redis, &[Charge::new("t", &key, &FixedWindow, &rates, 1)]).await);
        }
    }
    let sizes = || nodes.masters.iter().map(|master| master.ask::<u64>("DBSIZE")).sum::<u64>();
    assert_eq!(sizes(), 600);
    one.reset().await.expect("a reset");
    assert_eq!(sizes(), 301, "the time of the reset remains");
    let key = Key::from(7_u32);
    let charges = [Charge::new("t", &key, &FixedWindow, &rates, 0)];
    for (redis, left) in [(&one, 5), (&other, 4)] {
        let verdict = redis.decide(&charges, Mode::Peek).await.expect("a decision");
        assert_eq!(verdict.quotas[0].remaining(), left);
    }
}

#[tokio::test]
async fn b075_a_closed_backend_says_so() {
    let nodes = Nodes::shared();
    let redis = Arc::new(connected(&nodes).await);
    assert!(redis.is_connected());
    let told = format!("{redis:?} {:?}", nodes.builder().password("s3cret"));
    assert!(
        nodes.masters.iter().all(|master| told.contains(&format!("127.0.0.1:{}", master.port))),
        "{told}"
    );
    assert!(told.contains("a cluster with 127.0.0.1:") && !told.contains("s3cret"), "{told}");
    redis.close().await.expect("closed");
    let (key, rates) = (Key::from("a"), [Rate::per_day(5)]);
    let charges = [Charge::new("t", &key, &FixedWindow, &rates, 1)];
    let error = redis.decide(&charges, Mode::Consume).await.expect_err("closed");
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(redis.initialize().await.is_err() && !redis.is_connected());
}

#[tokio::test]
async fn what_is_no_cluster_is_told_at_the_start() {
    for (urls, problem) in [
        (vec![], "configure at least one"),
        (vec!["s3cret"], "this is not a Redis URL"),
        (vec!["redis://a", "redis://b/3"], "only the database 0"),
        (vec!["redis://:s3cret@a", "redis://:another@b"], "different credentials"),
        (vec!["unix:///s3cret"], "by TCP"),
    ] {
        let told = Redis::cluster(urls).build().expect_err("no cluster").to_string();
        assert!(told.contains(problem) && !told.contains("s3cret"), "{told}");
    }
    assert!(Redis::cluster(["redis://a"]).database(1).build().is_err());
    assert!(Redis::cluster(["redis://a"]).namespace("a{}b").build().is_err());
    let server = crate::server::Server::start();
    let error = Redis::cluster([server.url()]).build().expect("a backend").initialize().await;
    let error = error.expect_err("a server by itself");
    let source = std::error::Error::source(&error).expect("what it said").to_string();
    assert!(source.contains("cluster support disabled"), "{source}");
}
