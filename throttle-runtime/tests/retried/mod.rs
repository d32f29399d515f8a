//! Charges of retries after timeouts, on any backend that recognizes retries: the first attempt counts, once.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::time::Duration;

use throttle_runtime::backend::{Attempt, Backend, Charge, Mode, Verdict};
use throttle_runtime::strategy::{
    FixedWindow, Gcra, LeakyBucketQueue, SlidingWindowLog, Strategy, TieredRate, TokenBucket,
};
use throttle_runtime::testkit::{Fault, Faulty};
use throttle_runtime::{
    Clock, DecisionReason, ErrorKind, Hit, Key, Rate, Rates, Recovery, Settings, registry, retry,
};

const LIFETIME: Duration = Duration::from_secs(10);

fn each() -> [Box<dyn Strategy>; 6] {
    [
        Box::new(FixedWindow),
        Box::new(TieredRate::new()),
        Box::new(Gcra::new().burst(20)),
        Box::new(LeakyBucketQueue::new()),
        Box::new(SlidingWindowLog),
        Box::new(TokenBucket::new()),
    ]
}

fn fits(verdict: &Verdict) -> bool {
    verdict.quotas.iter().all(throttle_runtime::Quota::fits)
}

/// Checks decisions of a backend, whose attempts are created here.
pub async fn holds(backend: &dyn Backend) {
    // Redis decides about limits above 2^50 without a script.
    let limits: [Rates; 3] = [
        "20/day".parse().expect("rates"),
        "20/day, 40/week".parse().expect("rates"),
        Rate::per_day(1 << 52).into(),
    ];
    let mut number = 0;
    for strategy in each().iter().filter(|strategy| backend.recognises_retries(&***strategy)) {
        // With such a limit, buckets are full again immediately.
        let is_window = ["fixed-window", "tiered-rate"].contains(&strategy.name());
        for rates in limits.iter().take(if is_window { 3 } else { 2 }) {
            for keys in [&["a"][..], &["a", "b"], &["a", "a"]] {
                number += 1;
                once(backend, (&**strategy, rates), keys, number).await;
            }
        }
    }
    assert!(number > 0, "it recognises retries of some strategies");
}

async fn once(backend: &dyn Backend, (strategy, rates): (&dyn Strategy, &Rates), keys: &[&str], number: u64) {
    let context = format!("{strategy:?} {rates:?} {keys:?}");
    let (scope, keys) = (format!("retried{number}"), keys.iter().map(|key| Key::from(*key)));
    let keys: Vec<Key> = keys.collect();
    let decide = async |cost, attempt: Attempt| {
        let charge = |key| {
            let mut charge = Charge::new(&scope, key, strategy, rates, cost);
            charge.attempt = Some(&attempt);
            charge
        };
        let charges: Vec<_> = keys.iter().map(charge).collect();
        backend.decide(&charges, Mode::Consume).await.expect("a decision")
    };
    // Of two charges of one identity, the first has more left.
    let last = |verdict: &Verdict| verdict.quotas.last().map(throttle_runtime::Quota::remaining);
    let [one, other, never] = [0, 1, 2].map(|next| Attempt::new((1 << 63) + 3 * number + next, LIFETIME));

    let first = decide(2, one).await;
    assert!(fits(&first), "{context}");
    for _ in 0..3 {
        let again = decide(2, one.retried()).await;
        assert!(fits(&again), "{context}");
        assert_eq!(again.at, first.at, "the time of the charge: {context}");
        assert_eq!(last(&again), last(&first), "{context}");
    }
    let denied = decide(1 << 53, other).await;
    assert!(!fits(&denied), "{context}");
    let again = decide(1 << 53, other.retried()).await;
    assert!(!fits(&again) && last(&again) == last(&denied), "{context}");
    // The first attempt has not arrived, so this attempt is charged.
    let charged = decide(2, other.retried()).await;
    assert!(fits(&charged), "{context}");
    assert!(last(&charged) < last(&first), "another token is charged: {context}");
    assert!(fits(&decide(2, never).await), "{context}");
    let before = decide(0, never.retried()).await;
    let charges: Vec<_> = keys.iter().map(|key| Charge::new(&scope, key, strategy, rates, 2)).collect();
    backend.refund(&charges, charged.at).await.expect("a refund");
    let after = decide(0, never.retried()).await;
    assert!(last(&after) >= last(&before), "{context}");
}

/// Checks throttles on a backend whose replies are lost.
pub async fn holds_of_throttles(backend: impl Backend, clock: impl Clock + Clone) {
    let faulty = Faulty::new(backend);
    let declared = registry().backend("store", faulty.clone()).clock(clock);
    let registry = declared.build().await.expect("a registry");
    let on_timeouts =
        retry(3).retry_on(&[ErrorKind::Timeout, ErrorKind::Connection]).delay(Duration::from_millis(1));
    let throttle = |uid: &str, on_error: Recovery| {
        let settings = Settings::new().rate("10/day").strategy(TokenBucket::new()).backend("store");
        // A busy machine exceeds the usual deadline.
        let settings = settings.timeout(Duration::from_secs(5));
        registry.create(uid, settings.on_error(on_error)).expect("a throttle")
    };
    let (retries, plain) =
        (throttle("retries", on_timeouts.otherwise("allow")), throttle("plain", retry(3).otherwise("allow")));
    for kind in [ErrorKind::Timeout, ErrorKind::Connection] {
        for times in [1, 3] {
            retries.reset("a").await.expect("a reset");
            faulty.meet(Fault::Lose(kind), times);
            let decision = retries.hit(Hit::new("a").cost(2)).await.expect("a decision");
            assert_eq!(
                (decision.is_allowed(), decision.reason()),
                (true, DecisionReason::Backend),
                "{kind:?}"
            );
            assert_eq!(decision.remaining(), Some(8));
            faulty.meet(Fault::Lose(kind), times);
            let denied = retries.hit(Hit::new("a").cost(9)).await.expect("a decision");
            assert_eq!((denied.is_throttled(), denied.reason()), (true, DecisionReason::Backend), "{kind:?}");
            assert_eq!(retries.quotas("a").await.expect("a decision").remaining(), Some(8), "{kind:?}");
            assert_eq!(retries.hit("a").await.expect("a decision").remaining(), Some(7));
            // A reservation is refunded once, too.
            faulty.meet(Fault::Lose(kind), times);
            let reserved = retries.reserve(Hit::new("a").cost(4)).await.expect("a decision");
            assert_eq!(reserved.taken(), 4);
            reserved.refund().await.expect("a refund");
            assert_eq!(retries.quotas("a").await.expect("a decision").remaining(), Some(7), "{kind:?}");
        }
    }
    // Four losses are one more than the retries can handle.
    retries.reset("a").await.expect("a reset");
    faulty.meet(Fault::Lose(ErrorKind::Timeout), 4);
    assert_eq!(retries.hit("a").await.expect("allowed").reason(), DecisionReason::AllowedOnError);
    assert_eq!(retries.quotas("a").await.expect("a decision").remaining(), Some(9));
    // Without the setting, a request that may have been charged is not sent again.
    faulty.take_calls();
    faulty.meet(Fault::Lose(ErrorKind::Timeout), 1);
    assert_eq!(plain.hit("a").await.expect("allowed").reason(), DecisionReason::AllowedOnError);
    assert_eq!(faulty.calls(), 1);
    faulty.heal();
}
