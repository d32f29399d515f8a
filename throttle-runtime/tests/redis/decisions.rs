//! Decisions on a healthy server: exact, in one round trip, and separate from foreign data.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Memory, Mode, Redis, Verdict};
use throttle_runtime::strategy::{
    Arrival, FixedWindow, Gcra, SlidingWindowLog, State, Step, Strategy, TokenBucket,
};
use throttle_runtime::{Clock, Key, ManualClock, Quota, Rate, Rates, Registry, Settings, registry};

use crate::refunded;
use crate::server::Server;
use crate::strategies::each;

async fn admitted(redis: &Redis, charges: &[Charge<'_>]) -> bool {
    redis.decide(charges, Mode::Consume).await.expect("a decision").quotas.iter().all(Quota::fits)
}

/// Tasks on several connections, like several processes.
async fn admitted_at_once(server: &Server, strategy: &'static dyn Strategy, rate: Rate, of: usize) -> usize {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let redis = Arc::new(server.backend());
        redis.initialize().await.expect("a connection");
        for _ in 0..8 {
            let redis = redis.clone();
            tasks.spawn(async move {
                let (key, rates) = (Key::from("a"), [rate]);
                let charges = [Charge::new("t", &key, strategy, &rates, 1)];
                let mut passed = 0;
                for _ in 0..of / 32 {
                    passed += usize::from(admitted(&redis, &charges).await);
                }
                passed
            });
        }
    }
    tasks.join_all().await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_the_limit_passes_however_many_come_at_once() {
    let server = Server::start();
    let day = Rate::per_day(100);
    assert_eq!(admitted_at_once(&server, &FixedWindow, day, 1_600).await, 100);
    assert_eq!(admitted_at_once(&server, &const { TokenBucket::new() }, day, 1_600).await, 100);
    assert_eq!(admitted_at_once(&server, &SlidingWindowLog, day, 1_600).await, 100);
    assert_eq!(admitted_at_once(&server, &const { Gcra::new().burst(7) }, day, 320).await, 7);
}

/// By compare-and-set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b078_exactly_the_limit_passes_by_a_strategy_that_redis_does_not_know() {
    let server = Server::start();
    assert_eq!(admitted_at_once(&server, &Unknown, Rate::per_day(50), 640).await, 50);
    // Each connection was probed by one script.
    assert!(server.calls("eval") <= server.calls("role"), "the scripts were loaded before");
}

/// A strategy as an application implements it.
#[derive(Debug)]
pub(crate) struct Unknown;

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

const PORT: &str = "THROTTLE_TEST_REDIS_PORT";

#[test]
fn four_processes_share_one_limit() {
    let server = Server::start();
    assert_eq!(admitted_by_four("decisions::one_of_four", PORT, &server.port.to_string()), 1_000);
}

/// Returns how many requests four processes admit. Each process runs this test with the variable set.
pub(crate) fn admitted_by_four(test: &str, variable: &str, value: &str) -> usize {
    let this = std::env::current_exe().expect("this program");
    let start = |_| {
        let mut child = Command::new(&this);
        child.args(["--exact", test, "--nocapture"]).env(variable, value);
        child.stdout(Stdio::piped()).spawn().expect("a process")
    };
    let children: Vec<_> = (0..4).map(start).collect();
    let admitted = children.into_iter().map(|child| {
        let output = String::from_utf8(child.wait_with_output().expect("its output").stdout).expect("text");
        let count = output.split("admitted ").nth(1).and_then(|rest| rest.split(' ').next());
        count.expect("a count").parse::<usize>().expect("a number")
    });
    admitted.sum()
}

/// The work of each of the four processes. Does nothing if no test has started it.
#[tokio::test]
async fn one_of_four() {
    let Ok(port) = std::env::var(PORT) else { return };
    let redis = Redis::new(&format!("redis://127.0.0.1:{port}")).expect("a backend");
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
    let server = Server::start();
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    let rates: Rates =
        "10/s, 20/2s, 30/min, 40/hour, 50/day, 60/2min, 70/3min, 80/week".parse().expect("rates");
    let key = Key::from("a");
    for strategy in each() {
        for rates in [&rates[..1], &rates[..]] {
            let charges = [Charge::new("t", &key, &*strategy, rates, 1)];
            // The first one may have to load the script.
            admitted(&redis, &charges).await;
            let before = (server.calls("evalsha"), server.calls("eval"));
            for _ in 0..15 {
                admitted(&redis, &charges).await;
            }
            let after = (server.calls("evalsha"), server.calls("eval"));
            assert_eq!(after, (before.0 + 15, before.1), "{}: {} limits", strategy.name(), rates.len());
        }
    }
}

#[tokio::test]
async fn several_limits_are_charged_all_or_none() {
    let server = Server::start();
    let registry = registry().backend("redis", server.backend()).build().await.expect("a registry");
    let throttle = registry.create("t", on_redis("2/day, 5/week")).expect("a throttle");
    for remaining in [1, 0] {
        assert_eq!(throttle.hit("a").await.expect("a decision").remaining(), Some(remaining));
    }
    for _ in 0..10 {
        assert!(throttle.hit("a").await.expect("a decision").is_throttled());
    }
    let stat = throttle.quotas("a").await.expect("a decision");
    let left: Vec<_> = stat.quotas().iter().map(Quota::remaining).collect();
    assert_eq!(left, [0, 3]);
}

fn on_redis(rate: &str) -> Settings {
    // A slow machine must not affect the result.
    Settings::new()
        .rate(rate.parse::<Rates>().expect("rates"))
        .backend("redis")
        .timeout(Duration::from_secs(5))
}

async fn with_throttle(server: &Server, namespace: &str) -> (Registry, throttle_runtime::Throttle) {
    let redis = server.builder().namespace(namespace).build().expect("a backend");
    let registry = registry().backend("redis", redis).build().await.expect("a registry");
    let throttle = registry.create("t", on_redis("5/day")).expect("a throttle");
    (registry, throttle)
}

#[tokio::test]
async fn b074_a_reset_forgets_one_namespace_and_nothing_else() {
    let server = Server::start();
    let (one, first) = with_throttle(&server, "shop").await;
    let (_two, second) = with_throttle(&server, "shop:eu").await;
    let (three, third) = with_throttle(&server, "sho?").await;
    for key in 0..3_000_u32 {
        let _ = first.hit(key).await.expect("a decision");
    }
    let _ = second.hit("a").await.expect("a decision");
    let _ = third.hit("a").await.expect("a decision");
    let () = server.ask("SET shop 1");
    let () = server.ask("SET shop:cart 1");
    assert_eq!(server.ask::<u64>("DBSIZE"), 3_004);
    one.reset().await.expect("a reset");
    assert_eq!(server.ask::<u64>("DBSIZE"), 5, "the time of the reset remains");
    assert_eq!(first.quotas(1_u32).await.expect("a decision").remaining(), Some(5));
    assert_eq!(second.quotas("a").await.expect("a decision").remaining(), Some(4));
    three.reset().await.expect("a reset");
    assert_eq!(server.ask::<u64>("DBSIZE"), 5, "a name is no pattern");
}

#[tokio::test]
async fn b080_hostile_keys_neither_fail_nor_collide() {
    let server = Server::start();
    let (_registry, throttle) = with_throttle(&server, "throttle").await;
    let long = "x".repeat(10_000);
    let keys = [
        "",
        " ",
        ":",
        "a:b",
        "a",
        "{a}",
        "}a{",
        "}",
        "{}",
        "*",
        "\0",
        "\r\nFLUSHALL\r\n",
        "ключ",
        "🔑",
        &long,
    ];
    for key in keys {
        assert_eq!(throttle.hit(key).await.expect("a decision").remaining(), Some(4), "{key:.9?}");
    }
    assert_eq!(server.ask::<usize>("DBSIZE"), keys.len());
    let names: Vec<String> = server.ask("KEYS *");
    assert!(names.iter().all(|name| name.len() < 64), "{names:?}");
}

#[tokio::test]
async fn b079_what_cannot_be_a_state_counts_as_nothing_stored() {
    let server = Server::start();
    for strategy in each() {
        let redis = server.backend();
        redis.initialize().await.expect("a connection");
        let (key, rates) = (Key::from("a"), [Rate::per_minute(5)]);
        let charges = [Charge::new("t", &key, &*strategy, &rates, 1)];
        for broken in ["abc", "NaN", "inf", "-1", "0123456789abcdef", "0123456789abcdef01234567", "\u{fffd}"]
        {
            assert!(admitted(&redis, &charges).await, "{}", strategy.name());
            let name: Vec<String> = server.ask("KEYS *");
            let () = server.ask(&format!("SET {} {broken}", name[0]));
            assert!(admitted(&redis, &charges).await, "{} after {broken}", strategy.name());
            let () = server.ask("FLUSHALL");
        }
        assert!(admitted(&redis, &charges).await);
        let name: Vec<String> = server.ask("KEYS *");
        let () = server.ask(&format!("DEL {}", name[0]));
        let _: u64 = server.ask(&format!("LPUSH {} 1", name[0]));
        assert!(admitted(&redis, &charges).await, "{} after another type", strategy.name());
        let () = server.ask("FLUSHALL");
    }
}

#[tokio::test]
async fn states_expire_when_they_say_nothing_any_more() {
    let server = Server::start();
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    let key = Key::from("a");
    for strategy in each() {
        let rates = [Rate::per_minute(100)];
        assert!(admitted(&redis, &[Charge::new("t", &key, &*strategy, &rates, 3)]).await);
        let name: Vec<String> = server.ask("KEYS *");
        let left: i64 = server.ask(&format!("PTTL {}", name[0]));
        assert!((1..=180_000).contains(&left), "{}: {left} ms", strategy.name());
        let () = server.ask("FLUSHALL");
    }
}

#[tokio::test]
async fn denied_requests_do_not_reach_redis() {
    let server = Server::start();
    let redis = Redis::new(&server.url()).expect("a backend");
    redis.initialize().await.expect("a connection");
    let (key, rates) = (Key::from("a"), [Rate::per_day(5)]);
    let charges = [Charge::new("t", &key, &FixedWindow, &rates, 2)];
    assert!(admitted(&redis, &charges).await && admitted(&redis, &charges).await);
    let denied = redis.decide(&charges, Mode::Consume).await.expect("a decision");
    assert!(!denied.quotas[0].fits() && !denied.is_cached(), "Redis has denied it");
    let before = server.calls("evalsha");
    for _ in 0..20 {
        let denied = redis.decide(&charges, Mode::Consume).ready().expect("at once").expect("a decision");
        assert_eq!(denied.quotas[0].remaining(), 1);
        assert!(denied.is_cached());
        assert!(denied.quotas[0].retry_after().is_some());
    }
    assert_eq!(server.calls("evalsha"), before);
    let smaller = [Charge::new("t", &key, &FixedWindow, &rates, 1)];
    let last = redis.decide(&smaller, Mode::Consume).await.expect("a decision");
    assert!(last.quotas[0].fits() && !last.is_cached(), "what is left is still to be had");
    redis.refund(&smaller, 0).await.expect("a refund");
    redis.reset().await.expect("a reset");
    assert!(admitted(&redis, &charges).await, "a reset is noticed at once where it is made");
}

/// A refund or a reset of one client is noticed immediately. Cached denials of other clients stay.
#[tokio::test]
async fn who_gets_something_back_is_asked_about_again_and_others_are_not() {
    let server = Server::start();
    let redis = Redis::new(&server.url()).expect("a backend");
    redis.initialize().await.expect("a connection");
    let (keys, rates) = (["a", "b", "c"].map(Key::from), [Rate::per_day(1)]);
    let charge = |key| Charge::new("t", key, &FixedWindow, &rates, 1);
    let [a, b, c] = [&keys[0], &keys[1], &keys[2]].map(charge);
    let asked = [vec![a.clone()], vec![b.clone()], vec![a.clone(), c.clone()], vec![c.clone(), b.clone()]];
    let ask = async |charges: &[Charge<'_>]| redis.decide(charges, Mode::Consume).await.expect("a decision");
    let at = ask(&[a.clone(), b.clone(), c.clone()]).await.at;
    let begun = std::time::Instant::now();
    for charges in &asked {
        assert!(!ask(charges).await.is_cached());
        assert!(ask(charges).await.is_cached());
    }
    redis.refund(std::slice::from_ref(&c), at).await.expect("a refund");
    assert!(ask(&asked[1]).await.is_cached() || begun.elapsed() > Duration::from_millis(900));
    assert!(!ask(&asked[2]).await.is_cached(), "one of two got something back");
    assert!(admitted(&redis, std::slice::from_ref(&c)).await);
    assert!(!ask(&asked[3]).await.is_cached());
    redis.forget(std::slice::from_ref(&a)).await.expect("it is forgotten");
    assert!(admitted(&redis, &asked[0]).await);
    assert!(!admitted(&redis, &asked[1]).await);
}

fn quota_of(verdict: &Verdict) -> (bool, bool, u64, Option<u64>) {
    let quota = &verdict.quotas[0];
    let wait = quota.retry_after().map(|wait| u64::try_from(wait.as_micros()).expect("a short wait"));
    (verdict.is_cached(), quota.fits(), quota.remaining(), wait)
}

/// Every denial, cached or not, has the same content as a denial of a backend without a cache.
#[tokio::test]
async fn f31_a_cached_denial_says_the_true_wait_after_mixed_costs() {
    let server = Server::start();
    let clock = ManualClock::new();
    let redis = Redis::builder(&server.url()).clock(clock.clone()).build().expect("a backend");
    redis.initialize().await.expect("a connection");
    let (key, rates, strategy) = (Key::from("a"), [Rate::per_minute(10)], const { TokenBucket::new() });
    let charge = |cost| [Charge::new("t", &key, &strategy, &rates, cost)];
    let ask = async |cost| quota_of(&redis.decide(&charge(cost), Mode::Consume).await.expect("a decision"));
    assert_eq!(ask(5).await, (false, true, 5, None));
    assert_eq!(ask(6).await, (false, false, 5, Some(6_000_000)));
    assert_eq!(ask(6).await, (true, false, 5, Some(6_000_000)));
    assert_eq!(ask(5).await, (false, true, 0, None));
    assert_eq!(ask(6).await, (false, false, 0, Some(36_000_000)));
    assert_eq!(ask(6).await, (true, false, 0, Some(36_000_000)));
    redis.refund(&charge(5), clock.now()).await.expect("a refund");
    assert_eq!(ask(6).await, (false, false, 5, Some(6_000_000)));
    redis.forget(&charge(1)).await.expect("a reset");
    assert_eq!(ask(6).await, (false, true, 4, None));
}

/// The same for random costs, for all strategies, for several limits, and for decisions of two throttles,
/// compared with a backend without a cache.
#[tokio::test]
async fn f31_cached_and_true_answers_are_the_same() {
    let server = Server::start();
    let mut seed = 7_u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for strategy in each() {
        let clock = ManualClock::new();
        let redis = Redis::builder(&server.url()).clock(clock.clone()).build().expect("a backend");
        redis.initialize().await.expect("a connection");
        let exact = Memory::builder().clock(clock.clone()).build();
        let keys = ["a", "b"].map(Key::from);
        let (rates, others) = ([Rate::per_minute(10), Rate::per_hour(40)], [Rate::per_minute(12)]);
        let mut cached = 0;
        for step in 0..300 {
            let charge = |key, cost| Charge::new("t", key, &*strategy, &rates, cost);
            let other = |key, cost| Charge::new("u", key, &*strategy, &others, cost);
            let (cost, key) = (1 + random(7), &keys[usize::from(random(3) == 0)]);
            let charges = match random(4) {
                0 => vec![charge(key, cost), other(&keys[0], cost)],
                1 => vec![other(key, cost)],
                _ => vec![charge(key, cost)],
            };
            let answer = redis.decide(&charges, Mode::Consume).await.expect("a decision");
            let expected = exact.decide(&charges, Mode::Consume).await.expect("a decision");
            cached += usize::from(answer.is_cached());
            assert_eq!(answer.quotas, expected.quotas, "{} at {step}: {charges:?}", strategy.name());
            match random(12) {
                0 => {
                    redis.refund(&charges[..1], answer.at).await.expect("a refund");
                    exact.refund(&charges[..1], answer.at).await.expect("a refund");
                }
                1 => clock.advance(Duration::from_millis(700 * random(20))),
                _ => {}
            }
        }
        println!("{}: {cached} cached", strategy.name());
        let () = server.ask("FLUSHALL");
    }
}

/// Requests of one identity with several costs that are in flight together.
#[tokio::test]
async fn f31_what_is_charged_beside_a_denial_ends_what_is_remembered() {
    let server = Server::start();
    let clock = ManualClock::new();
    let redis = Redis::builder(&server.url()).clock(clock.clone()).build().expect("a backend");
    redis.initialize().await.expect("a connection");
    let (rates, strategy) = ([Rate::per_minute(10)], const { TokenBucket::new() });
    for round in 0..200_u64 {
        let key = Key::from(round);
        let charge = |cost| [Charge::new("t", &key, &strategy, &rates, cost)];
        let (five, six) = (charge(5), charge(6));
        let together = tokio::join!(
            redis.decide(&five, Mode::Consume),
            redis.decide(&six, Mode::Consume),
            redis.decide(&five, Mode::Consume),
            redis.decide(&six, Mode::Consume),
        );
        let admitted: u64 = [(together.0, 5), (together.1, 6), (together.2, 5), (together.3, 6)]
            .into_iter()
            .map(|(answer, cost)| if answer.expect("a decision").quotas[0].fits() { cost } else { 0 })
            .sum();
        let (_, fits, remaining, wait) =
            quota_of(&redis.decide(&six, Mode::Consume).await.expect("a decision"));
        assert_eq!((fits, remaining), (false, 10 - admitted), "round {round}");
        assert_eq!(wait, Some((admitted - 4) * 6_000_000), "round {round}");
    }
}

#[tokio::test]
async fn f37_a_refund_after_a_reset_gives_nothing_back() {
    let server = Server::start();
    let clock = ManualClock::new();
    let by_clock = || server.builder().clock(clock.clone()).build().expect("a backend");
    let one = refunded::instance(by_clock(), clock.clone()).await;
    refunded::holds(&one, &refunded::instance(by_clock(), clock.clone()).await).await;
    let () = server.ask("FLUSHALL");
    let by_server = || server.builder().build().expect("a backend");
    let one = refunded::instance(by_server(), clock.clone()).await;
    refunded::holds(&one, &refunded::instance(by_server(), clock.clone()).await).await;
}
