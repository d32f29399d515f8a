//! A store as a backend: lifecycle, errors, the stored values, and how foreign values are read.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Memory, Mode, Store, StoreBackend, Verdict};
use throttle_runtime::strategy::{
    Adaptive, Calendar, CostBasedTokenBucket, FixedWindow, Gcra, LeakyBucket, LeakyBucketQueue,
    PriorityQueue, QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, Strategy, TieredRate,
    TimeOfDay, TokenBucket, TokenBucketWithDebt,
};
use throttle_runtime::{BackendError, ErrorKind, Hit, Key, ManualClock, Quota, Rates, Settings, registry};

use crate::dict::{Dict, by_dict};

fn rates(text: &str) -> Rates {
    text.parse().expect("rates")
}

fn stored<const COMPARES: bool>(clock: &ManualClock) -> StoreBackend<Dict<COMPARES>> {
    StoreBackend::new(Dict::at(clock)).clock(clock.clone())
}

async fn take(backend: &dyn Backend, keys: &[&str], rates: &Rates, cost: u64) -> Verdict {
    let keys: Vec<Key> = keys.iter().map(|key| Key::from(*key)).collect();
    let charge = |key| Charge::new("s", key, &FixedWindow, rates, cost);
    let charges: Vec<_> = keys.iter().map(charge).collect();
    backend.decide(&charges, Mode::Consume).await.expect("a verdict")
}

fn fits(verdict: &Verdict) -> bool {
    verdict.quotas.iter().all(Quota::fits)
}

/// The same as a user declares it.
#[tokio::test]
async fn s12_a_store_is_declared_like_any_backend() {
    let clock = ManualClock::new();
    let registry = registry().backend("dict", stored::<false>(&clock)).build().await.expect("a registry");
    let settings = Settings::new().rate("3/min").backend("dict");
    let throttle = registry.create("t", settings).expect("a throttle");
    for left in [2, 1, 0] {
        let decision = throttle.hit(Hit::new("a")).await.expect("a decision");
        assert_eq!((decision.is_allowed(), decision.remaining()), (true, Some(left)));
    }
    let denied = throttle.hit("a").await.expect("a decision");
    assert_eq!(denied.retry_after(), Some(Duration::from_secs(60)));
    assert!(throttle.hit("b").await.expect("a decision").is_allowed());
}

/// One value for all limits of an identity. It expires when it no longer has an effect.
#[tokio::test]
async fn idle_identities_leave_nothing() {
    let clock = ManualClock::new();
    let (locks, compares) = (stored::<false>(&clock), stored::<true>(&clock));
    take(&locks, &["a"], &rates("3/s, 5/min"), 1).await;
    take(&compares, &["a"], &rates("3/s, 5/min"), 1).await;
    let sizes = || (locks.store().tables().values.len(), compares.store().tables().values.len());
    assert_eq!(sizes(), (1, 1));
    clock.advance(Duration::from_secs(60));
    assert_eq!(sizes(), (1, 1), "clocks differ");
    clock.advance(Duration::from_secs(1));
    assert_eq!(sizes(), (0, 0));
}

#[tokio::test]
async fn denials_and_questions_write_nothing() {
    let clock = ManualClock::new();
    let (stored, rates) = (stored::<false>(&clock), rates("1/min"));
    let key = Key::from("a");
    let charge = [Charge::new("s", &key, &FixedWindow, &rates, 1)];
    assert!(fits(&stored.decide(&charge, Mode::Peek).await.expect("a verdict")));
    assert!(!fits(&take(&stored, &["a"], &rates, 2).await));
    let tables = stored.store().tables();
    assert_eq!((tables.values.len(), tables.tokens), (0, 0), "and nothing was locked");
}

/// A process that dies between the mark and the decision blocks others for no longer than a lock lasts.
#[tokio::test]
async fn b072_a_mark_of_the_dead_ends() {
    let clock = ManualClock::new();
    let (stored, rates) = (stored::<true>(&clock), rates("3/min, 9/hour"));
    assert!(fits(&take(&stored, &["a", "b"], &rates, 1).await));
    // A record that is held: version, mark, token and the end of the hold, ten seconds from now.
    let key = stored.store().tables().values.keys().next().cloned().expect("a key");
    let marked = {
        let mut text = String::from("1BB");
        let mut until = throttle_runtime::Clock::now(&clock) + 10_000_000;
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        while until > 0 {
            let more = if until >> 5 > 0 { 32 } else { 0 };
            text.push(char::from(digits[usize::try_from(until & 31).expect("small") | more]));
            until >>= 5;
        }
        text
    };
    stored.store().set(&key, &marked, None).await.expect("set");
    let both = ["a", "b"];
    let blocked = tokio::time::timeout(Duration::from_millis(200), take(&stored, &both, &rates, 1));
    assert!(blocked.await.is_err(), "somebody else decides");
    clock.advance(Duration::from_secs(10));
    let free = tokio::time::timeout(Duration::from_secs(5), take(&stored, &both, &rates, 1));
    assert!(fits(&free.await.expect("nobody holds it any more")));
}

#[tokio::test]
async fn b074_b075_counts_stay_unless_they_are_said_not_to() {
    let clock = ManualClock::new();
    let store = Arc::new(Dict::<false>::at(&clock));
    let [one, other] = ["one", "other"]
        .map(|name| StoreBackend::shared(Arc::clone(&store)).clock(clock.clone()).namespace(name));
    let rates = rates("9/min");
    for stored in [&one, &other] {
        take(stored, &["a"], &rates, 1).await;
    }
    store.set("foreign", "value", None).await.expect("set");
    let left = || store.tables().values.len();
    one.close().await.expect("closed");
    assert_eq!(left(), 3);
    one.reset().await.expect("reset");
    assert_eq!(left(), 3, "the time of the reset remains");
    other.persistent(false).close().await.expect("closed");
    let tables = store.tables();
    let mut keys: Vec<_> = tables.values.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["foreign", "one#reset"]);
}

/// A store that fails with its own errors.
#[derive(Debug)]
struct Failing<E>(fn() -> E, bool);

#[derive(Debug, thiserror::Error)]
#[error("disk {0} is full")]
struct Full(u8);

impl<E: Error + Send + Sync + 'static> Store for Failing<E> {
    type Error = E;

    async fn initialize(&self) -> Result<(), E> {
        Ok(())
    }

    async fn ready(&self) -> Result<bool, E> {
        Ok(self.1)
    }

    async fn reset(&self, _: &str) -> Result<(), E> {
        Err(self.0())
    }

    async fn get(&self, _: &str) -> Result<Option<String>, E> {
        Err(self.0())
    }

    async fn set(&self, _: &str, _: &str, _: Option<Duration>) -> Result<(), E> {
        Err(self.0())
    }

    async fn delete(&self, _: &str) -> Result<(), E> {
        Err(self.0())
    }

    async fn try_lock(&self, _: &str, _: Duration) -> Result<Option<u64>, E> {
        Err(self.0())
    }

    async fn unlock(&self, _: &str, _: u64) -> Result<bool, E> {
        Err(self.0())
    }
}

async fn error(backend: &dyn Backend) -> BackendError {
    let (key, rates) = (Key::from("a"), rates("1/min"));
    let charges = [Charge::new("s", &key, &FixedWindow, &rates, 1)];
    backend.decide(&charges, Mode::Consume).await.expect_err("an error")
}

#[tokio::test]
async fn b076_s10_errors_of_the_store_are_the_source() {
    let stored = StoreBackend::new(Failing(|| Full(7), true));
    let error = error(&stored).await;
    assert_eq!(error.kind(), ErrorKind::Store);
    let source = error.source().expect("a source");
    assert!(matches!(source.downcast_ref(), Some(Full(7))), "{source}");
    assert!(stored.reset().await.expect_err("an error").source().is_some());
}

#[tokio::test]
async fn b076_errors_that_say_all_stay_what_they_are() {
    let stored = StoreBackend::new(Failing(|| BackendError::new(ErrorKind::Connection, "no route"), true));
    let error = error(&stored).await;
    assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::Connection, "no route"));
    assert!(error.source().is_none());
}

#[tokio::test]
async fn b077_a_store_that_is_not_ready_does_not_start() {
    let declared = registry().backend("full", StoreBackend::new(Failing(|| Full(7), false)));
    let problem = declared.build().await.expect_err("a problem").to_string();
    assert!(problem.contains("\"full\" cannot be initialised: the store is not ready"), "{problem}");
}

#[tokio::test]
async fn b079_strange_values_count_as_nothing() {
    let clock = ManualClock::new();
    let (stored, rates) = (stored::<true>(&clock), rates("2/min, 9999/day"));
    take(&stored, &["a"], &rates, 1).await;
    let key = stored.store().tables().values.keys().next().cloned().expect("a key");
    for strange in
        ["", "0", "NaN", "inf", "-1", "1", "1A//////////////////////", "{\"a\":1}", "ä", "\0", "2AAAA"]
    {
        stored.store().set(&key, strange, None).await.expect("set");
        assert!(fits(&take(&stored, &["a"], &rates, 2).await), "{strange:?}");
        assert!(!fits(&take(&stored, &["a"], &rates, 1).await), "and it counts again");
    }
}

/// The same for a counter, where any number is valid.
#[tokio::test]
async fn f60_strange_counters_count_as_nothing() {
    let (clock, rates) = (ManualClock::new(), rates("2/min"));
    for strange in ["", "0", "NaN", "inf", "1A//////////////////////", "{\"a\":1}", "ä", "\0", "2AAAA", "1.5"]
    {
        let (counts, compares) = (StoreBackend::new(Dict::<false, true>::at(&clock)), stored::<true>(&clock));
        let counts = counts.clock(clock.clone());
        for (stored, set) in [(&counts as &dyn Backend, true), (&compares, false)] {
            take(stored, &["a"], &rates, 1).await;
            let key = |tables: &crate::dict::Tables| tables.values.keys().next().cloned().expect("a key");
            let key = if set { key(&counts.store().tables()) } else { key(&compares.store().tables()) };
            if set {
                counts.store().set(&key, strange, None).await.expect("set");
            } else {
                compares.store().set(&key, strange, None).await.expect("set");
            }
            assert!(fits(&take(stored, &["a"], &rates, 2).await), "{strange:?}");
            assert!(!fits(&take(stored, &["a"], &rates, 1).await), "and it counts again");
        }
    }
}

/// Lists are stored, too, in a short form.
#[tokio::test]
async fn logs_are_stored() {
    let clock = ManualClock::new();
    let (stored, key, rates) = (stored::<false>(&clock), Key::from("a"), rates("300/min"));
    let charges = [Charge::new("s", &key, &SlidingWindowLog, &rates, 1)];
    for _ in 0..300 {
        clock.advance(Duration::from_millis(7));
        assert!(fits(&stored.decide(&charges, Mode::Consume).await.expect("a verdict")));
    }
    assert!(!fits(&stored.decide(&charges, Mode::Consume).await.expect("a verdict")));
    let length: usize = stored.store().tables().values.values().map(|value| value.text.len()).sum();
    assert!(length < 300 * 6, "{length}");
}

/// Another process may take a record away from a slow decision at any moment. Then the decision fails, and
/// everything that it had charged is restored.
#[tokio::test]
async fn a_decision_whose_record_is_taken_away_charges_nothing() {
    taken_away(&LeakyBucket, "1A").await;
    taken_away(&FixedWindow, "0").await;
}

async fn taken_away(strategy: &dyn Strategy, free: &str) {
    let (clock, rates) = (ManualClock::new(), rates("9/min"));
    let mut failed = 0;
    for polls in 0..80 {
        let stored = stored::<true>(&clock);
        let keys = [Key::from("a"), Key::from("b")];
        let charges = keys.each_ref().map(|key| Charge::new("s", key, strategy, &rates, 1));
        let mut decision = stored.decide(&charges, Mode::Consume);
        for _ in 0..polls {
            if let Poll::Ready(answer) = poll_once(&mut decision).await {
                decision = throttle_runtime::NowOrLater::now(answer);
                break;
            }
        }
        let last = {
            let mut tables = stored.store().tables();
            let last = tables.values.iter_mut().max_by(|one, other| one.0.cmp(other.0));
            // A marked value begins with this text, or is larger than any limit.
            let is_marked = |text: &str| text.starts_with("1B") || text.len() > 18;
            last.filter(|(_, value)| is_marked(&value.text))
                .map(|(_, value)| free.clone_into(&mut value.text))
        };
        let answer = decision.await;
        if last.is_some() && answer.is_err() {
            failed += 1;
            let error = answer.expect_err("an error");
            assert_eq!((error.kind(), error.is_safe_to_retry()), (ErrorKind::Timeout, true), "{error:?}");
            for key in &keys {
                let ask = [Charge::new("s", key, strategy, &rates, 0)];
                let left = stored.decide(&ask, Mode::Peek).await.expect("a verdict").quotas[0].remaining();
                assert_eq!(left, 9, "after {polls} polls");
            }
        }
    }
    assert!(failed > 3, "{failed}");
}

/// Polls a reply once, and lets all other tasks run.
async fn poll_once<T>(reply: &mut throttle_runtime::backend::Reply<'_, T>) -> Poll<Result<T, BackendError>> {
    let polled = std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *reply).poll(context))).await;
    tokio::task::yield_now().await;
    polled
}

/// A store that stops responding in the middle of a decision.
#[derive(Debug)]
struct Hanging(Dict<false>, AtomicBool);

impl Store for Hanging {
    type Error = Infallible;

    by_dict!(reset get delete try_lock unlock);

    async fn set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<(), Infallible> {
        if self.1.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.0.set(key, value, ttl).await
    }
}

/// Each request during the hang waits for at most half of a lock's life. Requests after it do not wait.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_not_waited_for() {
    let (clock, rates) = (ManualClock::new(), rates("9/min"));
    let hanging = Hanging(Dict::at(&clock), AtomicBool::new(true));
    let stored = StoreBackend::new(hanging).clock(clock.clone()).lock_ttl(Duration::from_secs(1));
    let begin = tokio::time::Instant::now();
    let late = error(&stored).await;
    assert!(late.is_timeout() && !late.is_safe_to_retry(), "it may have been written: {late:?}");
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(stored.store().0.tables().locks.len(), 1, "what was written may arrive yet");
    // Callers that disconnect leave no work behind that continues forever.
    for _ in 0..300 {
        let asked = tokio::time::timeout(Duration::from_millis(1), take(&stored, &["a"], &rates, 1));
        assert!(asked.await.is_err());
    }
    stored.store().1.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_secs(1));
    let begin = tokio::time::Instant::now();
    assert!(fits(&take(&stored, &["a"], &rates, 1).await));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn f37_a_refund_after_a_reset_gives_nothing_back() {
    let clock = ManualClock::new();
    let memory = || Memory::builder().clock(clock.clone()).build();
    let shared = Arc::new(memory());
    let one = crate::refunded::instance(Arc::clone(&shared), clock.clone()).await;
    crate::refunded::holds(&one, &crate::refunded::instance(shared, clock.clone()).await).await;
    f37_of_a_store::<false, false>().await;
    f37_of_a_store::<true, false>().await;
    f37_of_a_store::<false, true>().await;
    f37_of_a_store::<true, true>().await;
}

/// Two backends on one store, as in two processes.
async fn f37_of_a_store<const COMPARES: bool, const COUNTS: bool>() {
    let clock = ManualClock::new();
    let store = Arc::new(Dict::<COMPARES, COUNTS>::at(&clock));
    let backend = || StoreBackend::shared(Arc::clone(&store)).clock(clock.clone());
    let one = crate::refunded::instance(backend(), clock.clone()).await;
    crate::refunded::holds(&one, &crate::refunded::instance(backend(), clock.clone()).await).await;
}

#[tokio::test]
async fn f35_a_retry_is_recognised() {
    f35_of_a_store::<false, false>().await;
    f35_of_a_store::<true, false>().await;
    f35_of_a_store::<false, true>().await;
    f35_of_a_store::<true, true>().await;
}

async fn f35_of_a_store<const COMPARES: bool, const COUNTS: bool>() {
    let clock = ManualClock::new();
    let stored = || StoreBackend::new(Dict::<COMPARES, COUNTS>::at(&clock)).clock(clock.clone());
    assert_ne!(stored().recognises_retries(&FixedWindow), COUNTS, "a counter has no room for tokens");
    crate::retried::holds(&stored()).await;
    crate::retried::holds_of_throttles(stored(), clock.clone()).await;
}

/// However far a clock is set back, and whatever the strategy and the kind of store.
#[tokio::test]
async fn f03_a_clock_set_back_by_any_number_of_years_admits_as_much_as_by_two() {
    const YEAR: u64 = 365 * 24 * 3_600 * 1_000_000;
    async fn admitted(
        clock: &ManualClock,
        backend: &dyn Backend,
        strategy: &dyn Strategy,
        years: u64,
    ) -> usize {
        let (key, rates) = (Key::from(years), rates("5/day"));
        let hit = async || {
            let charges = [Charge::new("s", &key, strategy, &rates, 1)];
            fits(&backend.decide(&charges, Mode::Consume).await.expect("a verdict"))
        };
        clock.set(56 * YEAR);
        hit().await;
        clock.set((56 - years) * YEAR);
        let mut admitted = 0;
        for _ in 0..40 {
            admitted += usize::from(hit().await);
        }
        admitted
    }
    let strategies: Vec<Box<dyn Strategy>> = vec![
        Box::new(FixedWindow),
        Box::new(SlidingWindowLog),
        Box::new(SlidingWindowCounter),
        Box::new(TokenBucket::new()),
        Box::new(TokenBucketWithDebt::new().max_debt(2)),
        Box::new(LeakyBucket),
        Box::new(Gcra::new().burst(5)),
        Box::new(LeakyBucketQueue::new()),
        Box::new(CostBasedTokenBucket::new()),
        Box::new(TieredRate::new()),
        Box::new(PriorityQueue::new()),
        Box::new(QuotaWithRollover::new()),
        Box::new(Adaptive::new()),
        Box::new(TimeOfDay::in_zone("UTC")),
        Box::new(Calendar::in_zone("UTC")),
    ];
    for strategy in strategies {
        let clock = ManualClock::new();
        let (locks, compares) = (stored::<false>(&clock), stored::<true>(&clock));
        let counts = StoreBackend::new(Dict::<false, true>::at(&clock)).clock(clock.clone());
        for backend in [&locks as &dyn Backend, &compares, &counts] {
            let as_by_two = admitted(&clock, backend, &*strategy, 2).await;
            assert!(as_by_two <= 8, "{strategy:?}: {as_by_two}");
            for years in [3, 10, 55, 56] {
                let admitted = admitted(&clock, backend, &*strategy, years).await;
                assert!(admitted <= as_by_two, "{strategy:?} {years}: {admitted} of {as_by_two}");
            }
        }
    }
}
