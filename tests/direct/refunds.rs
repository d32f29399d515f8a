//! Refunds: reservations and resets.

use std::time::Duration;

use throttle::strategy::{
    Gcra, LeakyBucket, QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, TokenBucket,
    TokenBucketWithDebt,
};
use throttle::{
    CircuitBreaker, DecisionReason, Hit, ManualClock, Rate, Settings, Throttle, failover, fallback, registry,
};

use crate::common::{Broken, declared_at, registry_at, seconds};

async fn throttle(settings: Settings) -> (Throttle, ManualClock) {
    let clock = ManualClock::new();
    let throttle = registry_at(&clock).await.create("test", settings).expect("a throttle");
    (throttle, clock)
}

async fn left(throttle: &Throttle) -> Option<u64> {
    throttle.quotas("a").await.expect("memory never fails").remaining()
}

/// Returns settings for each strategy that can refund a part of a charge.
fn each() -> [Settings; 8] {
    let ten = Settings::new().rate("10/hour");
    [
        ten.clone(),
        ten.clone().strategy(Gcra::new().burst(10)),
        ten.clone().strategy(LeakyBucket),
        ten.clone().strategy(QuotaWithRollover::new()),
        ten.clone().strategy(SlidingWindowCounter),
        ten.clone().strategy(SlidingWindowLog),
        ten.clone().strategy(TokenBucket::new()),
        ten.strategy(TokenBucketWithDebt::new()),
    ]
}

#[tokio::test]
async fn a_reservation_is_kept_given_back_or_dropped() {
    for settings in each() {
        let (throttle, _) = throttle(settings).await;
        let reserve = || throttle.reserve(Hit::new("a").cost(4));
        let reservation = reserve().await.expect("a decision");
        assert_eq!((reservation.is_allowed(), reservation.taken()), (true, 4));
        assert_eq!(reservation.keep().remaining(), Some(6));
        reserve().await.expect("a decision").refund().await.expect("memory never fails");
        assert_eq!(left(&throttle).await, Some(6), "{throttle:?}");
        drop(reserve().await.expect("a decision"));
        assert_eq!(left(&throttle).await, Some(2), "{throttle:?}");
        let counts = throttle.counts();
        assert_eq!((counts.allowed, counts.refunded), (3, 1));
    }
}

#[tokio::test]
async fn denials_and_what_took_nothing_give_nothing_back() {
    let (throttle, _) = throttle(Settings::new().rate("10/hour")).await;
    let _ = throttle.hit(Hit::new("a").cost(8)).await.expect("a decision");
    let denied = throttle.reserve(Hit::new("a").cost(4)).await.expect("a decision");
    assert_eq!((denied.is_allowed(), denied.taken()), (false, 0));
    denied.refund().await.expect("nothing to do");
    let denied = throttle.reserve(Hit::new("a").cost(4)).await.expect("a decision");
    let settled = denied.settle(1).await.expect("nothing to do");
    assert_eq!((settled.taken, settled.missing), (0, 1), "what was denied did not happen");
    let unlimited = Hit::new("a").rate(Rate::UNLIMITED);
    let settled = throttle.reserve(unlimited).await.expect("a decision").settle(99).await.expect("no limit");
    assert_eq!((settled.taken, settled.missing), (0, 0));
    assert_eq!(left(&throttle).await, Some(2));
    let counts = throttle.counts();
    assert_eq!((counts.allowed, counts.denied, counts.skipped, counts.refunded), (1, 2, 1, 0));
}

#[tokio::test]
async fn less_than_the_estimate_is_given_back() {
    for settings in each() {
        let (throttle, _) = throttle(settings).await;
        for (actual, expected) in [(3, 7), (0, 7), (4, 3)] {
            let reservation = throttle.reserve(Hit::new("a").cost(4)).await.expect("a decision");
            let settled = reservation.settle(actual).await.expect("memory never fails");
            assert_eq!((settled.taken, settled.missing), (actual, 0));
            assert_eq!(left(&throttle).await, Some(expected), "{throttle:?} after {actual}");
        }
    }
}

#[tokio::test]
async fn more_than_the_estimate_is_taken_as_far_as_it_fits() {
    for settings in each() {
        let (throttle, _) = throttle(settings).await;
        let reservation = throttle.reserve(Hit::new("a").cost(2)).await.expect("a decision");
        let settled = reservation.settle(5).await.expect("memory never fails");
        assert_eq!((settled.taken, settled.missing, left(&throttle).await), (5, 0, Some(5)), "{throttle:?}");
        let reservation = throttle.reserve(Hit::new("a").cost(2)).await.expect("a decision");
        let settled = reservation.settle(u64::MAX).await.expect("memory never fails");
        assert_eq!((settled.taken, settled.missing, left(&throttle).await), (5, u64::MAX - 5, Some(0)));
    }
}

#[tokio::test]
async fn a_debt_pays_for_what_goes_beyond_the_limit() {
    let bucket = TokenBucketWithDebt::new().max_debt(20);
    let (throttle, clock) = throttle(Settings::new().rate("10/min").strategy(bucket)).await;
    let reservation = throttle.reserve(Hit::new("a").cost(10)).await.expect("a decision");
    let settled = reservation.settle(40).await.expect("memory never fails");
    assert_eq!((settled.taken, settled.missing), (30, 10), "the bucket and all of the debt");
    assert!(throttle.hit("a").await.expect("a decision").is_throttled());
    clock.advance(seconds(6));
    assert!(throttle.hit("a").await.expect("a decision").is_allowed(), "one token of the refill");
}

#[tokio::test]
async fn an_estimate_of_nothing_is_settled_all_the_same() {
    let (throttle, _) = throttle(Settings::new().rate("10/hour")).await;
    let reservation = throttle.reserve(Hit::new("a").cost(0)).await.expect("a decision");
    assert_eq!((reservation.taken(), reservation.decision().reason()), (0, DecisionReason::Free));
    let settled = reservation.settle(3).await.expect("memory never fails");
    assert_eq!((settled.taken, left(&throttle).await), (3, Some(7)));
}

#[tokio::test]
async fn a_refund_is_never_more_than_time_has_left_of_the_charge() {
    let (window, clock) = throttle(Settings::new().rate("10/min")).await;
    let reservation = window.reserve(Hit::new("a").cost(9)).await.expect("a decision");
    clock.advance(seconds(60));
    let _ = window.hit(Hit::new("a").cost(5)).await.expect("a decision");
    reservation.refund().await.expect("memory never fails");
    assert_eq!(left(&window).await, Some(5), "the charge was to the window before");

    let (bucket, clock) = throttle(Settings::new().rate("10/min").strategy(TokenBucket::new())).await;
    let reservation = bucket.reserve(Hit::new("a").cost(10)).await.expect("a decision");
    clock.advance(seconds(30));
    let _ = bucket.hit(Hit::new("a").cost(5)).await.expect("a decision");
    reservation.refund().await.expect("memory never fails");
    assert_eq!(left(&bucket).await, Some(5), "the refill gave five back before");
}

/// However many reservations are made concurrently, the usage is exactly what was kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_reserved_at_once_is_conserved() {
    let (throttle, _) = throttle(Settings::new().rate("1000/hour, 5000/day")).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..64_u64 {
        let throttle = throttle.clone();
        tasks.spawn(async move {
            let mut kept = 0;
            for turn in 0..40 {
                let reservation = throttle.reserve(Hit::new("a").cost(7)).await.expect("a decision");
                match (task + turn) % 3 {
                    0 => reservation.refund().await.expect("memory never fails"),
                    1 => kept += reservation.settle((turn * 5) % 13).await.expect("memory never fails").taken,
                    _ => {
                        kept += reservation.taken();
                        drop(reservation.keep());
                    }
                }
            }
            kept
        });
    }
    let kept: u64 = tasks.join_all().await.into_iter().sum();
    assert!(kept > 900, "{kept}");
    assert_eq!(left(&throttle).await, Some(1_000 - kept));
}

#[tokio::test]
async fn a_backend_that_fails_at_the_end_leaves_the_client_with_less() {
    let clock = ManualClock::new();
    let registry =
        declared_at(&clock).backend("broken", Broken::default()).build().await.expect("a registry");
    let settings = Settings::new().rate("10/hour").backend("broken").on_error("allow");
    let throttle = registry.create("test", settings).expect("a throttle");
    let reservation = throttle.reserve("a").await.expect("it lets pass");
    assert_eq!((reservation.taken(), reservation.decision().reason()), (0, DecisionReason::AllowedOnError));
    reservation.refund().await.expect("it took nothing, so the backend is not asked");
    let settled = throttle.reserve("a").await.expect("it lets pass").settle(5).await.expect("it lets pass");
    assert_eq!((settled.taken, settled.missing), (0, 5));
}

#[tokio::test]
async fn what_a_fallback_took_is_given_back_there() {
    let clock = ManualClock::new();
    let registry =
        declared_at(&clock).backend("broken", Broken::default()).build().await.expect("a registry");
    let settings = Settings::new().rate("10/hour").backend("broken").on_error(fallback("memory"));
    let throttle = registry.create("test", settings).expect("a throttle");
    let reservation = throttle.reserve(Hit::new("a").cost(4)).await.expect("the fallback decides");
    assert_eq!((reservation.taken(), reservation.decision().reason()), (4, DecisionReason::Fallback));
    reservation.settle(1).await.expect("the fallback never fails");
    assert_eq!(left(&throttle).await, Some(9));
}

#[tokio::test]
async fn a_reset_forgets_one_identity_of_one_throttle() {
    for settings in each() {
        let registry = registry_at(&ManualClock::new()).await;
        let throttle = registry.create("test", settings.clone()).expect("a throttle");
        let other = registry.create("other", settings).expect("a throttle");
        for (throttle, key) in [(&throttle, "a"), (&throttle, "b"), (&other, "a")] {
            let _ = throttle.hit(Hit::new(key).cost(10)).await.expect("a decision");
        }
        throttle.reset("a").await.expect("memory never fails");
        assert_eq!(left(&throttle).await, Some(10), "{throttle:?}");
        assert!(throttle.hit("b").await.expect("a decision").is_throttled());
        assert!(other.hit("a").await.expect("a decision").is_throttled());
        assert!(throttle.hit(Hit::new("a").cost(10)).await.expect("a decision").is_allowed());
        assert!(throttle.hit("a").await.expect("a decision").is_throttled());
    }
}

#[tokio::test]
async fn a_reset_forgets_all_limits_and_those_that_a_hit_says() {
    let (throttle, _) = throttle(Settings::new().rate("3/min, 5/hour")).await;
    let _ = throttle.hit(Hit::new("a").cost(3)).await.expect("a decision");
    let day = || Hit::new("a").rate("7/day".parse::<throttle::Rates>().expect("a rate"));
    let _ = throttle.hit(day().cost(7)).await.expect("a decision");
    throttle.reset("a").await.expect("memory never fails");
    let stat = throttle.quotas("a").await.expect("a decision");
    assert_eq!(stat.quotas().iter().map(throttle::Quota::remaining).collect::<Vec<_>>(), [3, 5]);
    assert!(throttle.hit(day()).await.expect("a decision").is_throttled(), "other periods are kept apart");
    throttle.reset(day()).await.expect("memory never fails");
    assert!(throttle.hit(day()).await.expect("a decision").is_allowed());
}

#[tokio::test]
async fn a_reset_forgets_while_the_throttle_is_off_and_what_the_fallback_counted() {
    let clock = ManualClock::new();
    let broken = Broken::default();
    let registry =
        declared_at(&clock).backend("broken", broken).clock(clock.clone()).build().await.expect("a registry");
    let settings = Settings::new().rate("5/hour").backend("broken");
    let settings = settings.on_error(failover("memory", CircuitBreaker::new()));
    let throttle = registry.create("test", settings).expect("a throttle");
    let _ = throttle.hit(Hit::new("a").cost(5)).await.expect("the fallback decides");
    assert!(throttle.hit("a").await.expect("the fallback decides").is_throttled());
    registry.disable("test");
    let error = throttle.reset("a").await.expect_err("the backend itself may remember");
    assert_eq!(error.kind(), throttle::ErrorKind::Store, "{error}");
    registry.enable("test");
    assert_eq!(left(&throttle).await, Some(5));
}

/// After an eviction, new identities start with the usage of the evicted ones. An identity that is reset does
/// not.
#[tokio::test]
async fn a_reset_forgets_what_eviction_left_behind() {
    let clock = ManualClock::new();
    let memory = throttle::backend::Memory::builder().max_keys(64).clock(clock.clone()).build();
    let registry = registry().backend("memory", memory).build().await.expect("a registry");
    let throttle = registry.create("test", Settings::new().rate("5/hour")).expect("a throttle");
    let _ = throttle.hit(Hit::new("a").cost(5)).await.expect("a decision");
    for client in 0..200_u32 {
        let _ = throttle.hit(Hit::new(client).cost(5)).await.expect("a decision");
    }
    clock.advance(Duration::from_micros(1));
    assert!(throttle.hit("a").await.expect("a decision").is_throttled(), "its usage is kept");
    throttle.reset("a").await.expect("memory never fails");
    assert_eq!(left(&throttle).await, Some(5));
}

#[tokio::test]
async fn f37_a_refund_belongs_to_the_state_that_it_was_taken_from() {
    for settings in each() {
        let (throttle, clock) = throttle(settings).await;
        let reserve = |cost| throttle.reserve(Hit::new("a").cost(cost));
        let before = reserve(5).await.expect("a decision");
        throttle.reset("a").await.expect("a reset");
        assert!(reserve(10).await.expect("a decision").is_allowed());
        before.refund().await.expect("memory never fails");
        assert_eq!(left(&throttle).await, Some(0), "{throttle:?}");
        assert!(throttle.hit("a").await.expect("a decision").is_throttled(), "{throttle:?}");

        throttle.reset("a").await.expect("a reset");
        let after = reserve(7).await.expect("a decision");
        after.settle(2).await.expect("memory never fails");
        assert_eq!(left(&throttle).await, Some(8), "what was taken after a reset is refunded: {throttle:?}");

        throttle.reset("b").await.expect("a reset");
        let other = reserve(3).await.expect("a decision");
        throttle.reset("b").await.expect("a reset");
        other.refund().await.expect("memory never fails");
        assert_eq!(left(&throttle).await, Some(8), "another identity was reset: {throttle:?}");

        // After a window or a whole backlog, nothing of the charge is left.
        let early = reserve(5).await.expect("a decision");
        clock.advance(seconds(4 * 3_600));
        while throttle.hit("a").await.expect("a decision").is_allowed() {}
        let used_up = left(&throttle).await;
        early.refund().await.expect("memory never fails");
        assert_eq!(left(&throttle).await, used_up, "{throttle:?}");
    }
}

/// An update of the strategy has states of its own. The refund goes to the states that were charged.
#[tokio::test]
async fn f37_a_refund_goes_to_the_strategy_that_was_charged() {
    let (throttle, _) = throttle(Settings::new().rate("10/hour")).await;
    let before = throttle.reserve(Hit::new("a").cost(5)).await.expect("a decision");
    throttle.update(Settings::new().strategy(TokenBucket::new())).expect("settings that work");
    assert!(throttle.hit(Hit::new("a").cost(10)).await.expect("a decision").is_allowed());
    before.refund().await.expect("memory never fails");
    assert_eq!(left(&throttle).await, Some(0));
    throttle.update(Settings::new().strategy(throttle::strategy::FixedWindow)).expect("settings that work");
    assert_eq!(left(&throttle).await, Some(10));
}

/// The fallback has states of its own, and the usage that it owes is reset, too.
#[tokio::test]
async fn f37_a_refund_by_the_fallback_after_a_reset_gives_nothing_back() {
    let clock = ManualClock::new();
    let declared = declared_at(&clock).backend("broken", Broken::default()).clock(clock.clone());
    let registry = declared.build().await.expect("a registry");
    let settings = Settings::new().rate("10/hour").backend("broken").on_error(fallback("memory"));
    let throttle = registry.create("test", settings).expect("a throttle");
    let before = throttle.reserve(Hit::new("a").cost(5)).await.expect("the fallback decides");
    let _ = throttle.reset("a").await.expect_err("the backend itself may remember");
    assert!(throttle.hit(Hit::new("a").cost(10)).await.expect("the fallback decides").is_allowed());
    before.refund().await.expect("the fallback never fails");
    assert_eq!(left(&throttle).await, Some(0));
}

/// A response that is not charged arrives after a reset.
#[tokio::test]
async fn f37_a_response_after_a_reset_is_not_refunded() {
    use axum::routing::get as route;
    use throttle::{Registry, throttle};

    async fn everybody() -> throttle::Key {
        "all".into()
    }

    #[throttle(uid = "f37-slow", rate = "3/hour", key = everybody, charge_when = |_: &axum::http::response::Parts| false)]
    async fn slow(axum::Extension(registry): axum::Extension<Registry>) {
        let throttle = registry.get("f37-slow").expect("it is in use");
        throttle.reset("all").await.expect("a reset");
        assert!(throttle.hit(Hit::new("all").cost(3)).await.expect("a decision").is_allowed());
    }

    let registry = registry_at(&ManualClock::new()).await;
    let app = crate::common::service(axum::Router::new().route("/", route(slow)), &registry);
    assert_eq!(crate::common::status(&app, "/").await, axum::http::StatusCode::OK);
    let throttle = registry.get("f37-slow").expect("it was used");
    assert_eq!(throttle.quotas("all").await.expect("a decision").remaining(), Some(0));
}
