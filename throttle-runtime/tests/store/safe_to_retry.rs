//! Store errors after which it is certain that nothing was charged. Each call of a decision fails once.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Mode, Store, StoreBackend};
use throttle_runtime::strategy::{FixedWindow, Gcra};
use throttle_runtime::{
    BackendError, Clock, ErrorKind, Hit, Key, ManualClock, Quota, Rates, Settings, Throttle, registry,
};

use crate::dict::{Dict, by_dict};

/// How a store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fails {
    /// Before it has done anything.
    Before,
    /// The same, and the error is marked so.
    BeforeAndSaysSo,
    /// The same, and every later call fails in the same way.
    FromThenOn,
    /// After it was done.
    After,
}

const WAYS: [Fails; 4] = [Fails::Before, Fails::BeforeAndSaysSo, Fails::FromThenOn, Fails::After];

/// A store that fails at one of its calls.
#[derive(Debug)]
struct Failing<const COMPARES: bool> {
    dict: Dict<COMPARES>,
    /// The number of calls before the one that fails.
    left: AtomicI64,
    how: Fails,
}

impl<const COMPARES: bool> Failing<COMPARES> {
    async fn call<T>(&self, done: impl Future<Output = Result<T, Infallible>>) -> Result<T, BackendError> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        let fails = left == 0 || left < 0 && self.how == Fails::FromThenOn;
        let error = BackendError::new(ErrorKind::Store, "broken");
        match self.how {
            Fails::Before if fails => return Err(error),
            Fails::BeforeAndSaysSo | Fails::FromThenOn if fails => return Err(error.safe_to_retry()),
            _ => {}
        }
        let Ok(done) = done.await;
        if fails { Err(error) } else { Ok(done) }
    }
}

impl<const COMPARES: bool> Store for Failing<COMPARES> {
    type Error = BackendError;

    const COMPARE_AND_SET: bool = COMPARES;

    async fn reset(&self, prefix: &str) -> Result<(), BackendError> {
        self.call(self.dict.reset(prefix)).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>, BackendError> {
        self.call(self.dict.get(key)).await
    }

    async fn set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<(), BackendError> {
        self.call(self.dict.set(key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<(), BackendError> {
        self.call(self.dict.delete(key)).await
    }

    async fn try_lock(&self, key: &str, ttl: Duration) -> Result<Option<u64>, BackendError> {
        self.call(self.dict.try_lock(key, ttl)).await
    }

    async fn unlock(&self, key: &str, token: u64) -> Result<bool, BackendError> {
        self.call(self.dict.unlock(key, token)).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&str>,
        value: &str,
        ttl: Option<Duration>,
    ) -> Result<bool, BackendError> {
        self.call(self.dict.compare_and_set(key, expected, value, ttl)).await
    }
}

/// Returns what would be left for each of these after one more unit.
async fn decide(backend: &dyn Backend, keys: &[Key], mode: Mode) -> Result<Vec<u64>, BackendError> {
    let rates: Rates = "9/day".parse().expect("rates");
    let charge = |key| Charge::new("s", key, &FixedWindow, &rates, 1);
    let verdict = backend.decide(&keys.iter().map(charge).collect::<Vec<_>>(), mode).await?;
    Ok(verdict.quotas.iter().map(Quota::remaining).collect())
}

/// Counts decisions that fail at one call or another.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcomes {
    certain: u32,
    doubtful: u32,
    /// The failed decisions that were charged.
    charged: u32,
}

async fn outcomes<const COMPARES: bool>(how: Fails, keys: &[Key], mode: Mode) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for call in 0..20 {
        let clock = ManualClock::new();
        let store = Failing::<COMPARES> { dict: Dict::at(&clock), left: AtomicI64::new(i64::MAX), how };
        let stored = StoreBackend::new(store).clock(clock.clone());
        decide(&stored, keys, Mode::Consume).await.expect("a decision");
        let before = decide(&stored, keys, Mode::Peek).await.expect("an answer");
        stored.store().left.store(call, Ordering::SeqCst);
        let Err(error) = decide(&stored, keys, mode).await else { continue };
        stored.store().left.store(i64::MAX, Ordering::SeqCst);
        // Everything that the decision leaves behind expires by itself.
        tokio::time::sleep(Duration::from_secs(5)).await;
        clock.advance(Duration::from_secs(5));
        let after = decide(&stored, keys, Mode::Peek).await.expect("an answer");
        let said = format!("{how:?} at call {call} of {keys:?}: {before:?}, then {after:?}: {error:?}");
        assert!(!error.is_safe_to_retry() || after == before, "{said}");
        let which = if error.is_safe_to_retry() { &mut outcomes.certain } else { &mut outcomes.doubtful };
        *which += 1;
        outcomes.charged += u32::from(after != before);
    }
    outcomes
}

#[tokio::test(start_paused = true)]
async fn what_is_certain_is_so_at_every_call_that_fails() {
    let keys = [Key::from("a"), Key::from("b")];
    for how in WAYS {
        for keys in [&keys[..1], &keys[..]] {
            let compares = outcomes::<true>(how, keys, Mode::Consume).await;
            let locks = outcomes::<false>(how, keys, Mode::Consume).await;
            for outcomes in [&compares, &locks] {
                assert!(outcomes.certain > 0, "{how:?}, {keys:?}: {outcomes:?}");
                let is_ever = outcomes.charged > 0;
                assert!(
                    is_ever || how != Fails::After,
                    "doubts have a reason: {how:?}, {keys:?}: {outcomes:?}"
                );
            }
        }
    }
    // The read fails, and then the write.
    let one = outcomes::<true>(Fails::Before, &keys[..1], Mode::Consume).await;
    assert_eq!(one, Outcomes { certain: 1, doubtful: 1, charged: 0 });
    let said = outcomes::<true>(Fails::BeforeAndSaysSo, &keys[..1], Mode::Consume).await;
    assert_eq!(said, Outcomes { certain: 2, doubtful: 0, charged: 0 });
}

#[tokio::test(start_paused = true)]
async fn whoever_only_asks_is_charged_nothing() {
    let keys = [Key::from("a"), Key::from("b")];
    for how in WAYS {
        for keys in [&keys[..1], &keys[..]] {
            for outcomes in [
                outcomes::<true>(how, keys, Mode::Peek).await,
                outcomes::<false>(how, keys, Mode::Peek).await,
            ] {
                assert!(outcomes.certain > 0 && outcomes.doubtful == 0, "{how:?}, {keys:?}: {outcomes:?}");
            }
        }
    }
}

/// Reads and locks charge nothing, whatever the error of the store says. Only the write is in doubt.
#[tokio::test(start_paused = true)]
async fn f36_a_lock_that_fails_charges_nothing() {
    let keys = [Key::from("a"), Key::from("b")];
    // The read, the lock, the read under the lock, and the write.
    let one = outcomes::<false>(Fails::Before, &keys[..1], Mode::Consume).await;
    assert_eq!(one, Outcomes { certain: 3, doubtful: 1, charged: 0 });
    // Two reads, then two more and a mark for each record, and two writes.
    let two = outcomes::<true>(Fails::Before, &keys, Mode::Consume).await;
    assert_eq!(two, Outcomes { certain: 6, doubtful: 2, charged: 0 });
}

/// A record that another process holds until ten seconds from now: version, mark, token and the end.
fn held(clock: &ManualClock) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut text, mut until) = (String::from("1BB"), clock.now() + 10_000_000);
    while until > 0 {
        let more = if until >> 5 > 0 { 32 } else { 0 };
        text.push(char::from(digits[usize::try_from(until & 31).expect("small") | more]));
        until >>= 5;
    }
    text
}

/// A throttle with a deadline of 100 milliseconds, on a store in which a dead process holds `a`.
async fn after_a_death<const COMPARES: bool>() -> (Throttle, Arc<Dict<COMPARES>>) {
    let clock = ManualClock::new();
    let dict = Arc::new(Dict::<COMPARES>::at(&clock));
    let stored = StoreBackend::shared(Arc::clone(&dict)).clock(clock.clone());
    let registry = registry().backend("dict", stored).build().await.expect("a registry");
    let settings =
        Settings::new().rate("9/day").strategy(Gcra::new().burst(9)).backend("dict").on_error("raise");
    let throttle = registry.create("t", settings.timeout(Duration::from_millis(100))).expect("a throttle");
    let _ = throttle.hit("a").await.expect("a decision");
    let name = dict.tables().values.keys().next().cloned().expect("a record");
    if COMPARES {
        dict.set(&name, &held(&clock), None).await.expect("set");
    } else {
        let lock = dict.try_lock(&format!("{name}:lock"), Duration::from_secs(10)).await;
        assert!(lock.expect("an answer").is_some(), "nobody holds it yet");
    }
    (throttle, dict)
}

async fn waits_uncharged<const COMPARES: bool>() {
    let (throttle, _dict) = after_a_death::<COMPARES>().await;
    // One alone, and others that wait for it in the same process.
    let waiters = [throttle.hit("a"), throttle.hit("a"), throttle.hit("a")];
    for answer in futures_util::future::join_all(waiters).await {
        let error = answer.expect_err("somebody else holds it");
        assert!(error.is_timeout() && error.is_safe_to_retry(), "{error:?}");
    }
    // So it is safe to retry, and an `on_error` policy with retries does so.
    assert!(throttle.hit(Hit::new("b")).await.expect("another client").is_allowed());
}

#[tokio::test(start_paused = true)]
async fn f36_waiters_for_a_lock_are_charged_nothing() {
    waits_uncharged::<false>().await;
}

#[tokio::test(start_paused = true)]
async fn f36_waiters_for_a_mark_are_charged_nothing() {
    waits_uncharged::<true>().await;
}

/// A write that is on its way at the deadline may have been charged.
#[tokio::test(start_paused = true)]
async fn f36_a_write_without_an_answer_stays_in_doubt() {
    async fn hangs<const COMPARES: bool>() {
        let clock = ManualClock::new();
        let stored = StoreBackend::new(Hanging::<COMPARES>(Dict::at(&clock))).clock(clock.clone());
        let registry = registry().backend("dict", stored).build().await.expect("a registry");
        let settings = Settings::new().rate("9/day").strategy(Gcra::new().burst(9)).backend("dict");
        let settings = settings.on_error("raise").timeout(Duration::from_millis(100));
        let throttle = registry.create("t", settings).expect("a throttle");
        let error = throttle.hit("a").await.expect_err("no answer");
        assert!(error.is_timeout() && !error.is_safe_to_retry(), "{error:?}");
        // Requests that wait for it in the same process have sent nothing.
        let (first, second) = tokio::join!(throttle.hit("a"), throttle.hit("a"));
        let certain = [first, second].map(|answer| answer.expect_err("no answer").is_safe_to_retry());
        assert!(certain[1] || COMPARES, "{certain:?}");
    }
    hangs::<false>().await;
    hangs::<true>().await;
}

/// A store that does not respond to writes.
#[derive(Debug)]
struct Hanging<const COMPARES: bool>(Dict<COMPARES>);

impl<const COMPARES: bool> Store for Hanging<COMPARES> {
    type Error = Infallible;

    const COMPARE_AND_SET: bool = COMPARES;

    by_dict!(reset get delete try_lock unlock);

    async fn set(&self, _: &str, _: &str, _: Option<Duration>) -> Result<(), Infallible> {
        std::future::pending().await
    }

    async fn compare_and_set(
        &self,
        _: &str,
        _: Option<&str>,
        _: &str,
        _: Option<Duration>,
    ) -> Result<bool, Infallible> {
        std::future::pending().await
    }
}
