//! The calls of each decision, as listed in the table of `Store`.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Increment, Mode, Store, StoreBackend};
use throttle_runtime::strategy::{
    Adaptive, Calendar, CostBasedTokenBucket, FixedWindow, Gcra, LeakyBucket, LeakyBucketQueue,
    PriorityQueue, QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, Strategy, TieredRate,
    TimeOfDay, TokenBucket, TokenBucketWithDebt,
};
use throttle_runtime::{Key, ManualClock, Quota, Rates};

use crate::dict::Dict;

/// A store that records which of its methods are called.
#[derive(Debug)]
struct Noting<const COMPARES: bool, const COUNTS: bool> {
    dict: Dict<COMPARES, COUNTS>,
    calls: Mutex<Vec<&'static str>>,
}

impl<const COMPARES: bool, const COUNTS: bool> Noting<COMPARES, COUNTS> {
    fn note(&self, call: &'static str) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<const COMPARES: bool, const COUNTS: bool> Store for Noting<COMPARES, COUNTS> {
    type Error = Infallible;

    const COMPARE_AND_SET: bool = COMPARES;
    const INCREMENT_WITHIN: bool = COUNTS;

    async fn reset(&self, prefix: &str) -> Result<(), Infallible> {
        self.note("reset");
        self.dict.reset(prefix).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>, Infallible> {
        self.note("get");
        self.dict.get(key).await
    }

    async fn set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<(), Infallible> {
        self.note("set");
        self.dict.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<(), Infallible> {
        self.note("delete");
        self.dict.delete(key).await
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        limit: i64,
        ttl: Duration,
    ) -> Result<Increment, Infallible> {
        self.note("increment_within");
        self.dict.increment_within(key, by, limit, ttl).await
    }

    async fn try_lock(&self, key: &str, ttl: Duration) -> Result<Option<u64>, Infallible> {
        self.note("try_lock");
        self.dict.try_lock(key, ttl).await
    }

    async fn unlock(&self, key: &str, token: u64) -> Result<bool, Infallible> {
        self.note("unlock");
        self.dict.unlock(key, token).await
    }

    async fn get_lock(&self, key: &str, ttl: Duration, timeout: Duration) -> Result<Option<u64>, Infallible> {
        self.note("get_lock");
        self.dict.get_lock(key, ttl, timeout).await
    }

    async fn multi_get(&self, keys: &[&str]) -> Result<Vec<Option<String>>, Infallible> {
        self.note("multi_get");
        self.dict.multi_get(keys).await
    }

    async fn multi_set(&self, items: &[(&str, &str)], ttl: Option<Duration>) -> Result<(), Infallible> {
        self.note("multi_set");
        self.dict.multi_set(items, ttl).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&str>,
        value: &str,
        ttl: Option<Duration>,
    ) -> Result<bool, Infallible> {
        self.note("compare_and_set");
        self.dict.compare_and_set(key, expected, value, ttl).await
    }
}

const LOCKED: &[&str] = &["multi_get", "get_lock", "multi_get", "multi_set", "unlock"];
const SWAPPED: &[&str] = &["get", "compare_and_set"];
const COUNTED: &[&str] = &["increment_within"];
/// A counter and the mark of its last reset.
const CLOSED: &[&str] = &[
    "multi_get",
    "get_lock",
    "get_lock",
    "multi_get",
    "increment_within",
    "multi_set",
    "increment_within",
    "unlock",
    "unlock",
];
const MARKED: &[&str] =
    &["multi_get", "get", "compare_and_set", "get", "compare_and_set", "compare_and_set", "compare_and_set"];

/// Returns the calls of an admission, a denial, a peek, a cost that never fits, a refund and a reset of one
/// identity.
async fn calls<const COMPARES: bool, const COUNTS: bool>(
    strategy: &dyn Strategy,
    rates: &str,
) -> [Vec<&'static str>; 6] {
    let clock = ManualClock::new();
    let noting = Noting::<COMPARES, COUNTS> { dict: Dict::at(&clock), calls: Mutex::default() };
    let stored = StoreBackend::new(noting).clock(clock.clone());
    let (key, rates): (_, Rates) = (Key::from("a"), rates.parse().expect("rates"));
    let charge = |cost| [Charge::new("s", &key, strategy, &rates, cost)];
    let fits = async |cost, mode| {
        let verdict = stored.decide(&charge(cost), mode).await.expect("a verdict");
        (verdict.quotas.iter().all(Quota::fits), verdict.at)
    };
    assert!(fits(7, Mode::Consume).await.0, "{strategy:?}");
    stored.store().calls();
    let (admitted, at) = fits(2, Mode::Consume).await;
    let admission = stored.store().calls();
    let denied = fits(4, Mode::Consume).await.0;
    let denial = stored.store().calls();
    let peeked = fits(1, Mode::Peek).await.0;
    let peek = stored.store().calls();
    let never = fits(u64::MAX, Mode::Consume).await.0;
    assert_eq!((admitted, denied, peeked, never), (true, false, true, false), "{strategy:?}");
    let too_large = stored.store().calls();
    stored.refund(&charge(2), at).await.expect("refunded");
    let refund = stored.store().calls();
    stored.forget(&charge(1)).await.expect("reset");
    [admission, denial, peek, too_large, refund, stored.store().calls()]
}

fn strategies() -> [Box<dyn Strategy>; 15] {
    [
        Box::new(FixedWindow),
        Box::new(TieredRate::new()),
        Box::new(SlidingWindowLog),
        Box::new(SlidingWindowCounter),
        Box::new(TokenBucket::new()),
        Box::new(TokenBucketWithDebt::new()),
        Box::new(LeakyBucket),
        Box::new(LeakyBucketQueue::new()),
        Box::new(Gcra::new().burst(10)),
        Box::new(CostBasedTokenBucket::new()),
        Box::new(PriorityQueue::new()),
        Box::new(QuotaWithRollover::new()),
        Box::new(Adaptive::new()),
        Box::new(TimeOfDay::in_zone("UTC")),
        Box::new(Calendar::in_zone("UTC")),
    ]
}

#[tokio::test]
async fn f60_each_decision_makes_the_calls_of_the_table() {
    for strategy in strategies() {
        let strategy = &*strategy;
        let is_window = ["fixed-window", "tiered-rate"].contains(&strategy.name());
        for rates in ["10/day", "10/day, 20/week"] {
            let counts = is_window && rates == "10/day";
            let reads: [&[&str]; 3] = [&["multi_get"]; 3];
            let locks = calls::<false, false>(strategy, rates).await;
            assert_eq!(locks[0], LOCKED, "{strategy:?}, {rates}");
            assert_eq!(locks[1..4], reads, "{strategy:?}, {rates}");
            assert_eq!(locks[5], LOCKED, "{strategy:?}, {rates}");
            let compares = calls::<true, false>(strategy, rates).await;
            assert_eq!(compares[0], SWAPPED, "{strategy:?}, {rates}");
            assert_eq!(compares[1..4], [["get"]; 3], "{strategy:?}, {rates}");
            assert_eq!(compares[5], SWAPPED, "{strategy:?}, {rates}");
            // The refund depends on the strategy, but it is always one transaction after one read.
            for (refund, whole) in [(&locks[4], LOCKED), (&compares[4], SWAPPED)] {
                let transaction = &refund[1..];
                assert_eq!(refund[0], "get", "{strategy:?}, {rates}");
                assert!(whole.starts_with(transaction), "{strategy:?}, {rates}: {refund:?}");
            }
            let with_counters = [
                (calls::<false, true>(strategy, rates).await, &locks, CLOSED, ["multi_get"]),
                (calls::<true, true>(strategy, rates).await, &compares, MARKED, ["get"]),
            ];
            for (calls, without, changed, read) in with_counters {
                if counts {
                    assert_eq!(calls[..2], [COUNTED, COUNTED], "{strategy:?}, {rates}");
                    assert_eq!(calls[2..4], [read, read], "{strategy:?}, {rates}");
                    assert_eq!(calls[4], [&["get"], changed].concat(), "{strategy:?}, {rates}");
                    assert_eq!(calls[5], changed, "{strategy:?}, {rates}");
                } else {
                    assert_eq!(calls, *without, "{strategy:?}, {rates}");
                }
            }
        }
    }
}

/// Returns the number of calls of an admission of several identities.
async fn calls_of<const COMPARES: bool, const COUNTS: bool>(
    strategy: &dyn Strategy,
    identities: u64,
) -> Vec<&'static str> {
    let clock = ManualClock::new();
    let noting = Noting::<COMPARES, COUNTS> { dict: Dict::at(&clock), calls: Mutex::default() };
    let stored = StoreBackend::new(noting).clock(clock.clone());
    let (keys, rates): (Vec<Key>, Rates) =
        ((0..identities).map(Key::from).collect(), "10/day".parse().expect("rates"));
    let charges: Vec<_> = keys.iter().map(|key| Charge::new("s", key, strategy, &rates, 1)).collect();
    let verdict = stored.decide(&charges, Mode::Consume).await.expect("a verdict");
    assert!(verdict.quotas.iter().all(Quota::fits), "{strategy:?}");
    stored.store().calls()
}

/// The calls per identity, in addition to those of the whole decision.
#[tokio::test]
async fn f60_several_identities_make_the_calls_of_the_table() {
    for strategy in strategies() {
        let strategy = &*strategy;
        let is_window = ["fixed-window", "tiered-rate"].contains(&strategy.name());
        for identities in 2..5_u64 {
            let count = |calls: Vec<_>| u64::try_from(calls.len()).expect("few");
            let locks = count(calls_of::<false, false>(strategy, identities).await);
            let compares = count(calls_of::<true, false>(strategy, identities).await);
            assert_eq!((locks, compares), (3 + 2 * identities, 1 + 3 * identities), "{strategy:?}");
            let locks = count(calls_of::<false, true>(strategy, identities).await);
            let compares = count(calls_of::<true, true>(strategy, identities).await);
            let counted = if is_window { 1 + 4 * identities } else { 3 + 2 * identities };
            assert_eq!((locks, compares), (counted, 1 + 3 * identities), "{strategy:?}");
        }
    }
}

/// A window shorter than a second might end between two calls, so it is a record.
#[tokio::test]
async fn f60_short_windows_are_records() {
    assert_eq!(calls::<false, true>(&FixedWindow, "10/999ms").await[0], LOCKED);
    assert_eq!(calls::<false, true>(&FixedWindow, "10/s").await[0], COUNTED);
}

/// The runtime calls each method of a store somewhere.
#[tokio::test]
async fn f60_no_method_is_required_and_not_called() {
    let clock = ManualClock::new();
    let noting = Noting::<false, true> { dict: Dict::at(&clock), calls: Mutex::default() };
    let stored = StoreBackend::new(noting).clock(clock.clone()).persistent(false);
    let (key, rates): (_, Rates) = (Key::from("a"), "10/day".parse().expect("rates"));
    let gcra = Gcra::new().burst(10);
    for strategy in [&FixedWindow as &dyn Strategy, &gcra] {
        let charge = [Charge::new("s", &key, strategy, &rates, 1)];
        stored.decide(&charge, Mode::Consume).await.expect("a verdict");
    }
    let board = stored.coordination_store().expect("a board");
    board.put("a", 1, Duration::from_secs(1)).await.expect("posted");
    board.get("a").await.expect("read");
    board.delete("a").await.expect("removed");
    stored.close().await.expect("closed");
    let calls = stored.store().calls();
    for method in
        ["reset", "get", "set", "delete", "increment_within", "get_lock", "unlock", "multi_get", "multi_set"]
    {
        assert!(calls.contains(&method), "{method} is not among {calls:?}");
    }
}
