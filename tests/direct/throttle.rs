//! One throttle, called from code: behaviours 6 and 9 to 21, 26, 32, 81, 94, 95.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use throttle::strategy::{Gcra, TokenBucket};
use throttle::{
    DecisionReason, Hit, Key, ManualClock, Quota, Rate, Rates, Registry, Settings, Throttle, registry,
};

use crate::common::{Counted, registry_at, seconds};

async fn throttle(settings: Settings) -> (Throttle, ManualClock) {
    let clock = ManualClock::new();
    let throttle = registry_at(&clock).await.create("test", settings).expect("a throttle");
    (throttle, clock)
}

async fn admitted(throttle: &Throttle, key: &'static str, attempts: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..attempts {
        admitted += usize::from(throttle.hit(key).await.expect("memory never fails").is_allowed());
    }
    admitted
}

#[tokio::test]
async fn b006_unlimited_never_asks_a_backend() {
    let backend = Counted::default();
    let registry = registry().backend("memory", backend.clone()).build().await.expect("a registry");
    let throttle = registry.create("test", Settings::new().rate(Rate::UNLIMITED)).expect("a throttle");
    assert_eq!(admitted(&throttle, "a", 10_000).await, 10_000);
    assert_eq!(backend.decided.load(Ordering::SeqCst), 0);
    assert_eq!(throttle.hit("a").await.expect("no backend").reason(), DecisionReason::Unlimited);
}

#[tokio::test]
async fn b009_each_client_has_its_own_limit() {
    let (throttle, clock) = throttle(Settings::new().rate("3/min")).await;
    assert_eq!(admitted(&throttle, "one", 4).await, 3);
    assert_eq!(admitted(&throttle, "other", 1).await, 1);
    clock.advance(seconds(60));
    assert_eq!(admitted(&throttle, "one", 4).await, 3);
}

#[tokio::test]
async fn b010_a_uid_is_unique_in_its_registry() {
    let (one, other) = (Registry::default(), Registry::default());
    let settings = Settings::new().rate("3/min");
    one.create("same", settings.clone()).expect("free");
    let error = one.create("same", settings.clone()).expect_err("taken");
    assert!(error.to_string().contains("`same` is taken"), "{error}");
    other.create("same", settings).expect("another registry");
}

#[tokio::test]
async fn b011_a_failed_construction_leaves_the_uid_free() {
    let registry = Registry::default();
    let error = registry.create("uid", Settings::new().rate("3/mn")).expect_err("a bad rate");
    assert!(error.to_string().contains("did you mean `min`"), "{error}");
    registry.create("uid", Settings::new()).expect_err("no rate");
    registry.create("uid", Settings::new().rate("3/min").on_error("ignore")).expect_err("a bad policy");
    registry.create("uid", Settings::new().rate("3/min").backend("redis")).expect_err("no such backend");
    registry.create("uid", Settings::new().rate("3/min")).expect("free");
}

#[tokio::test]
async fn b012_a_uid_is_not_blank() {
    for uid in ["", "  ", "\t"] {
        Registry::default().create(uid, Settings::new().rate("3/min")).expect_err("blank");
    }
}

#[tokio::test]
async fn b013_a_cost_of_zero_takes_nothing() {
    let (throttle, _) = throttle(Settings::new().rate("3/min")).await;
    for _ in 0..5 {
        let decision = throttle.hit(Hit::new("a").cost(0)).await.expect("a decision");
        assert_eq!((decision.is_allowed(), decision.reason()), (true, DecisionReason::Free));
    }
    assert_eq!(throttle.hit("a").await.expect("a decision").remaining(), Some(2));
}

#[tokio::test]
async fn b015_the_cost_of_a_call_wins() {
    let (throttle, _) = throttle(Settings::new().rate("10/min").cost(4_u32)).await;
    assert_eq!(throttle.hit(Hit::new("a").cost(1)).await.expect("a decision").remaining(), Some(9));
    assert_eq!(throttle.hit("a").await.expect("a decision").remaining(), Some(5));
    let _ = throttle.hit(Hit::new("a").cost(0)).await.expect("a decision");
    assert_eq!(throttle.hit("a").await.expect("a decision").remaining(), Some(1));
    assert!(throttle.hit("a").await.expect("a decision").is_throttled());
}

#[tokio::test]
async fn b016_an_async_cost() {
    async fn five() -> u32 {
        5
    }
    let (throttle, _) = throttle(Settings::new().rate("10/min").cost(five)).await;
    assert_eq!(admitted(&throttle, "a", 3).await, 2);
}

#[tokio::test]
async fn b017_an_async_rate_works_with_check_and_stat_too() {
    async fn plan() -> Rate {
        Rate::per_minute(2)
    }
    let (throttle, _) = throttle(Settings::new().rate(plan)).await;
    assert_eq!(throttle.peek("a").await.expect("a decision").remaining(), Some(1));
    assert_eq!(admitted(&throttle, "a", 3).await, 2);
    assert!(throttle.peek("a").await.expect("a decision").is_throttled());
    let stat = throttle.quotas("a").await.expect("a decision");
    assert_eq!((stat.remaining(), stat.tightest().map(Quota::rate)), (Some(0), Some(Rate::per_minute(2))));
    let rates: Rates = "9/hour, 3/day".parse().expect("rates");
    let stat = throttle.quotas(Hit::from("a").rate(rates)).await.expect("a decision");
    assert_eq!(stat.quotas().iter().map(Quota::remaining).collect::<Vec<_>>(), [9, 3], "other periods");
    let paid = Hit::new("b").rate(Rate::per_minute(50));
    assert_eq!(throttle.hit(paid).await.expect("a decision").remaining(), Some(49));
}

#[tokio::test]
async fn b018_a_cost_that_never_fits_is_never() {
    for settings in [Settings::new(), Settings::new().strategy(Gcra::new().burst(10))] {
        let (throttle, _) = throttle(settings.rate("10/min")).await;
        let decision = throttle.hit(Hit::new("a").cost(11)).await.expect("a decision");
        assert!(decision.is_throttled() && decision.is_never());
        assert_eq!(decision.retry_after(), None);
        assert_eq!(throttle.hit(Hit::new("a").cost(10)).await.expect("a decision").remaining(), Some(0));
        let decision = throttle.hit(Hit::new("a").cost(u64::MAX)).await.expect("a decision");
        assert!(decision.is_never());
    }
}

#[tokio::test]
async fn b019_a_decision_is_a_value_that_cannot_go_stale() {
    let (throttle, clock) = throttle(Settings::new().rate("1/s")).await;
    let _ = throttle.hit("a").await.expect("a decision");
    let denied = throttle.hit("a").await.expect("a decision");
    assert_eq!(denied.retry_after(), Some(seconds(1)));
    let free = throttle.hit(Hit::new("a").cost(0)).await.expect("a decision");
    assert!(!free.is_throttled() && free.retry_after().is_none());
    clock.advance(seconds(1));
    assert!(!throttle.hit("a").await.expect("a decision").is_throttled());
}

#[tokio::test]
async fn b020_scopes_are_parts_of_the_key() {
    let (throttle, _) = throttle(Settings::new().rate("1/min")).await;
    for scope in ["default", "search", "GET", "POST", "/a", "/b"] {
        let hit = || Hit::new((scope, "alice"));
        assert!(throttle.hit(hit()).await.expect("a decision").is_allowed(), "{scope}");
        assert!(throttle.hit(hit()).await.expect("a decision").is_throttled(), "{scope}");
    }
    assert!(throttle.hit(Key::from(("alice", "default"))).await.expect("a decision").is_allowed());
}

#[tokio::test]
async fn b021_a_missing_backend_is_a_configuration_error() {
    let settings = Settings::new().rate("1/min").backend("redis");
    let error = Registry::default().create("api:read", settings).expect_err("no such backend");
    let text = error.to_string();
    assert!(
        text.contains("`api:read`") && text.contains("\"redis\"") && text.contains("\"memory\""),
        "{text}"
    );
}

#[tokio::test]
async fn b026_checking_takes_nothing() {
    let (throttle, _) = throttle(Settings::new().rate("3/min")).await;
    let _ = throttle.hit("a").await.expect("a decision");
    let first = throttle.peek("a").await.expect("a decision");
    assert_eq!(first, throttle.peek("a").await.expect("a decision"));
    assert_eq!(throttle.hit("a").await.expect("a decision").remaining(), Some(1));
}

#[tokio::test]
async fn b026_b095_stat_is_the_limit_less_what_was_used() {
    for settings in [Settings::new(), Settings::new().strategy(Gcra::new().burst(3))] {
        let (throttle, _) = throttle(settings.rate("3/min")).await;
        for used in 0..=3 {
            let stat = throttle.quotas("a").await.expect("a decision");
            assert_eq!((stat.remaining(), stat.is_allowed()), (Some(3 - used), true));
            assert_eq!(stat, throttle.quotas("a").await.expect("a decision"), "it takes nothing");
            let _ = throttle.hit("a").await.expect("a decision");
        }
        assert_eq!(throttle.counts().allowed, 3);
    }
}

/// For each limit: what remains, how long until more is available, and how long until all is available.
#[tokio::test]
async fn b095_stat_says_of_each_limit_what_is_left_and_when_there_is_more() {
    for strategy in [Settings::new(), Settings::new().strategy(TokenBucket::new())] {
        let (throttle, clock) = throttle(strategy.rate("2/s, 3/min")).await;
        assert_eq!(admitted(&throttle, "a", 5).await, 2);
        clock.advance(seconds(1));
        assert_eq!(admitted(&throttle, "a", 5).await, 1);
        let stat = throttle.quotas("a").await.expect("a decision");
        let [second, minute] = stat.quotas() else { panic!("{stat:?}") };
        assert_eq!((second.rate(), minute.rate()), (Rate::per_second(2), Rate::per_minute(3)));
        assert!(second.remaining() > 0 && minute.remaining() == 0, "{stat:?}");
        assert!(
            minute.reset_after() >= minute.next_after() && second.reset_after() <= seconds(1),
            "{stat:?}"
        );
        clock.advance(minute.next_after().saturating_sub(Duration::from_micros(1)));
        assert!(throttle.hit("a").await.expect("a decision").is_throttled(), "there is no more yet");
        clock.advance(Duration::from_micros(1));
        assert!(throttle.hit("a").await.expect("a decision").is_allowed(), "now there is");
    }
}

#[tokio::test]
async fn b119_a_dry_run_lets_a_program_pass() {
    let (throttle, _) = throttle(Settings::new().rate("1/min").dry_run(true)).await;
    assert_eq!(throttle.hit("a").await.expect("a decision").reason(), DecisionReason::Backend);
    let decision = throttle.hit("a").await.expect("a decision");
    assert_eq!((decision.is_allowed(), decision.reason()), (true, DecisionReason::DryRun));
    let counts = throttle.counts();
    assert_eq!((counts.allowed, counts.would_deny, counts.denied), (1, 1, 0));
}

#[tokio::test]
async fn b032_a_caller_may_go_on_all_the_same() {
    let (throttle, clock) = throttle(Settings::new().rate("1/10s")).await;
    clock.set(10_000_000_000_000_000);
    let _ = throttle.hit("a").await.expect("a decision");
    clock.advance(seconds(4));
    let decision = throttle.hit("a").await.expect("a decision");
    assert!(decision.is_throttled());
    assert_eq!(decision.retry_after(), Some(seconds(6)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b081_exactly_the_limit_passes_under_concurrency() {
    for settings in [Settings::new(), Settings::new().strategy(Gcra::new().burst(100))] {
        let (throttle, _) = throttle(settings.rate("100/min, 1000/hour")).await;
        let allowed = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = (0..1_000)
            .map(|_| {
                let (throttle, allowed) = (throttle.clone(), Arc::clone(&allowed));
                tokio::spawn(async move {
                    let decision = throttle.hit("hot").await.expect("a decision");
                    allowed.fetch_add(u64::from(decision.is_allowed()), Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a task");
        }
        assert_eq!(allowed.load(Ordering::SeqCst), 100);
        let counts = throttle.counts();
        assert_eq!((counts.allowed, counts.denied), (100, 900));
    }
}

#[tokio::test]
async fn b082_the_wait_is_true_to_the_microsecond() {
    let strategies = [Settings::new(), Settings::new().strategy(Gcra::new().burst(3))];
    for settings in strategies {
        let (throttle, clock) = throttle(settings.rate("3/7s, 50/min")).await;
        clock.advance(Duration::from_micros(1_234_567));
        assert_eq!(admitted(&throttle, "a", 4).await, 3);
        let wait = throttle.peek("a").await.expect("a decision").retry_after().expect("a wait");
        clock.advance(wait.saturating_sub(Duration::from_micros(1)));
        assert!(throttle.hit("a").await.expect("a decision").is_throttled());
        clock.advance(Duration::from_micros(1));
        assert!(throttle.hit("a").await.expect("a decision").is_allowed());
    }
}

#[tokio::test]
async fn b093_denied_requests_do_not_push_the_wait_out() {
    for settings in [Settings::new(), Settings::new().strategy(Gcra::new())] {
        let (throttle, _) = throttle(settings.rate("1/min")).await;
        let _ = throttle.hit("a").await.expect("a decision");
        let first = throttle.hit("a").await.expect("a decision").retry_after();
        assert_eq!(admitted(&throttle, "a", 1_000).await, 0);
        assert_eq!(throttle.hit("a").await.expect("a decision").retry_after(), first);
    }
}

#[tokio::test]
async fn b094_a_clock_that_steps_back_locks_nobody_out() {
    for settings in [Settings::new(), Settings::new().strategy(Gcra::new().burst(2))] {
        let (throttle, clock) = throttle(settings.rate("2/min")).await;
        clock.advance(seconds(7_200));
        assert_eq!(admitted(&throttle, "a", 3).await, 2);
        clock.step_back(seconds(30));
        let denied = throttle.hit("a").await.expect("a decision");
        assert!(denied.is_throttled(), "a small step is no way around the limit");
        let wait = denied.retry_after().expect("a wait");
        assert!(wait <= seconds(120), "{wait:?}");
        clock.advance(wait.saturating_sub(Duration::from_micros(1)));
        assert!(throttle.hit("a").await.expect("a decision").is_throttled());
        clock.advance(Duration::from_micros(1));
        assert!(throttle.hit("a").await.expect("a decision").is_allowed());
        clock.step_back(seconds(3_600));
        assert_eq!(admitted(&throttle, "a", 5).await, 2, "a large step neither locks out nor opens the gate");
    }
}

#[tokio::test]
async fn b095_remaining_counts_down_and_never_below_zero() {
    for settings in [Settings::new(), Settings::new().strategy(Gcra::new().burst(5))] {
        let (throttle, _) = throttle(settings.rate("5/min")).await;
        for left in (0..5).rev() {
            let decision = throttle.hit("a").await.expect("a decision");
            assert_eq!((decision.remaining(), decision.retry_after()), (Some(left), None));
        }
        let decision = throttle.hit("a").await.expect("a decision");
        assert_eq!(decision.remaining(), Some(0));
        assert!(decision.retry_after().is_some());
    }
}

#[tokio::test]
async fn several_limits_are_charged_all_or_none() {
    let (throttle, clock) = throttle(Settings::new().rate("2/s, 5/min")).await;
    assert_eq!(admitted(&throttle, "a", 10).await, 2);
    let denied = throttle.hit("a").await.expect("a decision");
    assert_eq!(denied.quotas().iter().map(Quota::remaining).collect::<Vec<_>>(), [0, 3]);
    assert_eq!(denied.tightest().map(Quota::rate), Some(Rate::per_second(2)));
    clock.advance(seconds(1));
    assert_eq!(admitted(&throttle, "a", 10).await, 2);
    clock.advance(seconds(1));
    assert_eq!(admitted(&throttle, "a", 10).await, 1);
    clock.advance(seconds(1));
    assert_eq!(throttle.hit("a").await.expect("a decision").retry_after(), Some(seconds(57)));
}

#[tokio::test]
async fn d03_a_window_begins_and_ends_by_one_clock() {
    let (throttle, clock) = throttle(Settings::new().rate("2/min")).await;
    clock.advance(Duration::from_millis(59_500));
    assert_eq!(admitted(&throttle, "a", 3).await, 2);
    let wait = throttle.hit("a").await.expect("a decision").retry_after();
    assert_eq!(wait, Some(Duration::from_millis(500)));
    clock.advance(Duration::from_millis(500));
    assert!(throttle.hit("a").await.expect("a decision").is_allowed());
}

#[tokio::test]
async fn d04_gcra_counts_its_tolerance_and_its_cost() {
    let gcra = Gcra::new().tolerance(seconds(3));
    let (throttle, _) = throttle(Settings::new().rate("60/min").strategy(gcra)).await;
    assert_eq!(admitted(&throttle, "a", 10).await, 4);
    assert_eq!(throttle.hit("a").await.expect("a decision").retry_after(), Some(seconds(1)));
    assert!(throttle.hit(Hit::new("b").cost(50)).await.expect("a decision").is_never());
}

#[tokio::test]
async fn a_constant_cost_that_never_fits_does_not_start() {
    let registry = registry().build().await.expect("a registry");
    let settings = Settings::new().rate("10/s, 100/min").cost(11_u32);
    let error = registry.create("tight", settings.clone()).expect_err("10/s has no room for 11");
    assert!(error.to_string().contains("its cost of 11 does not fit 10/s"), "{error}");
    let roomy = settings.strategy(TokenBucket::new().burst(20));
    assert!(registry.create("tight", roomy).is_ok());
}

/// The program determines the class of a caller, per use or by a function. The key never determines it.
#[tokio::test]
async fn b090_a_class_is_not_read_from_the_key() {
    let registry = registry().build().await.expect("a registry");
    let settings =
        Settings::new().rate("10/min").strategy(throttle::strategy::TieredRate::new()).class("free");
    let throttle = registry.create("tier:premium", settings).expect("a throttle");
    let left = async |hit: Hit<'_>| throttle.hit(hit).await.expect("a decision").remaining();
    assert_eq!(left(Hit::from("tier:premium")).await, Some(9));
    assert_eq!(left(Hit::from("alice").class("premium")).await, Some(49));
    assert_eq!(left(Hit::from("bob").class("tier:premium")).await, Some(9));
}

#[tokio::test]
async fn f23_costs_and_texts_are_what_people_write() {
    const BULK: usize = 3;
    let registry = registry_at(&ManualClock::new()).await;
    let left = async |uid: &str, settings: Settings| {
        let throttle = registry.create(uid, settings.rate(String::from("10/min"))).expect("a throttle");
        throttle.hit("alice").await.expect("a decision").remaining()
    };
    assert_eq!(left("literal", Settings::new().cost(2)).await, Some(8));
    assert_eq!(left("constant", Settings::new().cost(BULK)).await, Some(7));
    assert_eq!(
        left("sum", Settings::new().cost(1 + 3).class(String::from("a")).on_error(String::from("allow")))
            .await,
        Some(6)
    );
    assert_eq!(left("byte", Settings::new().cost(5_u8)).await, Some(5));
}

#[tokio::test]
async fn f23_a_negative_cost_is_refused() {
    let registry = registry_at(&ManualClock::new()).await;
    let error = registry.create("negative", Settings::new().rate("10/min").cost(-2)).expect_err("below 0");
    assert!(error.to_string().contains("the cost is -2, and a cost cannot be negative"), "{error}");
    let error = registry.create("text", Settings::new().rate(String::from("10/mn"))).expect_err("no rate");
    assert!(error.to_string().contains("the rate \"10/mn\": unknown unit"), "{error}");
}
