//! Stores that are broken in one way each.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use throttle_runtime::ManualClock;
use throttle_runtime::backend::{Increment, Store};
use throttle_runtime::testkit::{Subject, store};

use super::says;
use crate::dict::Dict;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    AddsAndRefuses,
    AddsBeyondTheLimit,
    AddsToTexts,
    ClampsAtZero,
    CutsKeys,
    CutsValues,
    FlushesAll,
    FoldsCase,
    FreesForAnybody,
    GivesLocksToTheDropped,
    EndsEarly,
    KeepsFirstTtl,
    IncrementsWithoutTtl,
    KeepsLocksForever,
    LosesTtl,
    LosesTtlOfMany,
    MatchesPatterns,
    OrdersAnswers,
    ReadsThenIncrements,
    ReadsThenSwaps,
    NeverEnds,
    RepeatsTokens,
    ReportsWhatWas,
    RoundsTtlDown,
    SharesLocks,
    SkipsMissing,
    SubtractsBeyondTheLimit,
    SwapsBlindly,
    WaitsForever,
}

#[derive(Debug)]
struct Broken<const COMPARES: bool, const COUNTS: bool> {
    dict: Arc<Dict<COMPARES, COUNTS>>,
    fault: Fault,
}

/// Longer than any test observes.
const LONG: Duration = Duration::from_secs(86_400);

impl<const COMPARES: bool, const COUNTS: bool> Broken<COMPARES, COUNTS> {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn key(&self, key: &str) -> String {
        match self.fault {
            Fault::CutsKeys => key.chars().take(64).collect(),
            Fault::FoldsCase => key.to_lowercase(),
            _ => key.to_owned(),
        }
    }

    fn ttl(&self, ttl: Option<Duration>) -> Option<Duration> {
        match self.fault {
            Fault::LosesTtl => None,
            Fault::RoundsTtlDown => ttl.map(|ttl| Duration::from_secs(ttl.as_secs())),
            _ => ttl,
        }
    }
}

/// Returns whether a key matches a prefix like a SQL `LIKE` pattern.
fn is_like(key: &str, prefix: &str) -> bool {
    key.len() >= prefix.len() && key.bytes().zip(prefix.bytes()).all(|(a, b)| a == b || b == b'_')
}

impl<const COMPARES: bool, const COUNTS: bool> Store for Broken<COMPARES, COUNTS> {
    type Error = Infallible;

    const COMPARE_AND_SET: bool = COMPARES;
    const INCREMENT_WITHIN: bool = COUNTS;

    async fn reset(&self, prefix: &str) -> Result<(), Infallible> {
        match self.fault {
            Fault::FlushesAll => self.dict.turn(|tables| tables.values.clear()).await,
            Fault::MatchesPatterns => {
                self.dict.turn(|tables| tables.values.retain(|key, _| !is_like(key, prefix))).await
            }
            _ => self.dict.reset(prefix).await,
        }
    }

    async fn get(&self, key: &str) -> Result<Option<String>, Infallible> {
        self.dict.get(&self.key(key)).await
    }

    async fn set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<(), Infallible> {
        let value = if self.has(Fault::CutsValues) { &value[..value.len().min(255)] } else { value };
        let (key, ttl) = (self.key(key), self.ttl(ttl));
        if self.has(Fault::KeepsFirstTtl) {
            let until = self.dict.turn(|tables| tables.values.get(&key).map(|value| value.until)).await?;
            self.dict.set(&key, value, ttl).await?;
            return self
                .dict
                .turn(|tables| {
                    if let Some((until, value)) = until.zip(tables.values.get_mut(&key)) {
                        value.until = until;
                    }
                })
                .await;
        }
        self.dict.set(&key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<(), Infallible> {
        self.dict.delete(&self.key(key)).await
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        limit: i64,
        ttl: Duration,
    ) -> Result<Increment, Infallible> {
        let key = self.key(key);
        let is_unlimited =
            self.has(Fault::AddsBeyondTheLimit) || self.has(Fault::SubtractsBeyondTheLimit) && by < 0;
        let limit = if is_unlimited { i64::MAX } else { limit };
        let ttl = match self.fault {
            Fault::NeverEnds => LONG,
            Fault::EndsEarly => Duration::from_secs(ttl.as_secs()),
            _ => ttl,
        };
        match self.fault {
            Fault::ReadsThenIncrements => {
                let number = self.dict.get(&key).await?.and_then(|value| value.parse().ok()).unwrap_or(0_i64);
                if number.saturating_add(by) > limit {
                    return Ok(Increment::Exceeded(number));
                }
                let sum = number.saturating_add(by);
                self.dict.set(&key, &sum.to_string(), Some(ttl)).await?;
                return Ok(Increment::Added(sum));
            }
            Fault::IncrementsWithoutTtl => {
                let is_there = self.dict.get(&key).await?.is_some();
                let done = self.dict.increment_within(&key, by, limit, ttl).await?;
                if is_there && let Increment::Added(sum) = done {
                    // The time to live is lost.
                    self.dict.set(&key, &sum.to_string(), None).await?;
                }
                return Ok(done);
            }
            Fault::AddsToTexts => {
                let length = self.dict.get(&key).await?.filter(|text| text.parse::<i64>().is_err());
                if let Some(text) = length {
                    self.dict.set(&key, &text.len().to_string(), Some(ttl)).await?;
                }
            }
            _ => {}
        }
        let done = self.dict.increment_within(&key, by, limit, ttl).await?;
        Ok(match (self.fault, done) {
            (Fault::ReportsWhatWas, Increment::Added(sum)) => Increment::Added(sum - by),
            (Fault::AddsAndRefuses, Increment::Exceeded(number)) => {
                self.dict.increment_within(&key, by, i64::MAX, ttl).await?;
                Increment::Exceeded(number)
            }
            (Fault::ClampsAtZero, Increment::Added(sum)) if sum < 0 => {
                self.dict.increment_within(&key, -sum, i64::MAX, ttl).await?
            }
            (_, done) => done,
        })
    }

    async fn try_lock(&self, key: &str, ttl: Duration) -> Result<Option<u64>, Infallible> {
        let ttl = if self.has(Fault::KeepsLocksForever) { LONG } else { ttl };
        let token = self.dict.try_lock(&self.key(key), ttl).await?;
        Ok(match self.fault {
            Fault::SharesLocks => Some(token.unwrap_or(u64::MAX)),
            Fault::RepeatsTokens => token.map(|_| 7),
            _ => token,
        })
    }

    async fn unlock(&self, key: &str, token: u64) -> Result<bool, Infallible> {
        match self.fault {
            Fault::FreesForAnybody | Fault::RepeatsTokens => {
                self.dict.turn(|tables| tables.locks.remove(&self.key(key)).is_some()).await
            }
            Fault::SharesLocks if token == u64::MAX => Ok(true),
            _ => self.dict.unlock(&self.key(key), token).await,
        }
    }

    async fn get_lock(&self, key: &str, ttl: Duration, timeout: Duration) -> Result<Option<u64>, Infallible> {
        match self.fault {
            Fault::WaitsForever => self.dict.get_lock(key, ttl, LONG).await,
            Fault::GivesLocksToTheDropped => {
                let (dict, key) = (Arc::clone(&self.dict), key.to_owned());
                let waiter = tokio::spawn(async move { dict.get_lock(&key, ttl, timeout).await });
                waiter.await.expect("it does not panic")
            }
            Fault::SharesLocks => self.try_lock(key, ttl).await,
            Fault::KeepsLocksForever => self.dict.get_lock(key, LONG, timeout).await,
            Fault::RepeatsTokens => Ok(self.dict.get_lock(key, ttl, timeout).await?.map(|_| 7)),
            _ => self.dict.get_lock(&self.key(key), ttl, timeout).await,
        }
    }

    async fn multi_get(&self, keys: &[&str]) -> Result<Vec<Option<String>>, Infallible> {
        let mut keys: Vec<_> = keys.iter().map(|key| self.key(key)).collect();
        if self.has(Fault::OrdersAnswers) {
            keys.sort_unstable();
        }
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let mut values = self.dict.multi_get(&keys).await?;
        if self.has(Fault::SkipsMissing) {
            values.retain(Option::is_some);
        }
        Ok(values)
    }

    async fn multi_set(&self, items: &[(&str, &str)], ttl: Option<Duration>) -> Result<(), Infallible> {
        for (key, value) in items {
            self.set(key, value, ttl.filter(|_| !self.has(Fault::LosesTtlOfMany))).await?;
        }
        Ok(())
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&str>,
        value: &str,
        ttl: Option<Duration>,
    ) -> Result<bool, Infallible> {
        match self.fault {
            Fault::SwapsBlindly => self.set(key, value, ttl).await.map(|()| true),
            Fault::ReadsThenSwaps => {
                let is_expected = self.get(key).await?.as_deref() == expected;
                if is_expected {
                    self.set(key, value, ttl).await?;
                }
                Ok(is_expected)
            }
            _ => self.dict.compare_and_set(&self.key(key), expected, value, self.ttl(ttl)).await,
        }
    }
}

async fn rejects<const COMPARES: bool, const COUNTS: bool>(fault: Fault, reasons: &[(&str, &str)]) {
    let found = store::violations(|| async {
        let clock = ManualClock::new();
        let dict = Arc::new(Dict::<COMPARES, COUNTS>::at(&clock));
        Subject::new(Broken { dict, fault }).clock(clock)
    });
    let found = found.await;
    for (property, sentence) in reasons {
        says(&found, property, sentence);
    }
}

macro_rules! rejected {
    ($($name:ident: $fault:ident $(compares $compares:literal)? $(counts $counts:literal)?, $($property:ident $sentence:literal),+;)*) => { $(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            const COMPARES: bool = false $(|| $compares)?;
            const COUNTS: bool = false $(|| $counts)?;
            rejects::<COMPARES, COUNTS>(Fault::$fault, &[$((stringify!($property), $sentence)),+]).await;
        }
    )* };
}

rejected! {
    ttl_is_lost: LosesTtl, b065_values_expire "stays for longer";
    ttl_is_rounded_down: RoundsTtlDown, b065_values_live_as_long_as_they_should "gone after 1.4 s",
        b065_values_expire "is gone at once";
    ttl_of_many_is_lost: LosesTtlOfMany, b070_many_values_expire_as_one_does "stays for longer";
    counters_never_end: NeverEnds counts true, b066_a_counter_ends "does not end";
    counters_end_early: EndsEarly counts true, b066_a_counter_keeps_its_time_to_live "is gone after 1.4 s";
    ttl_is_lost_by_an_increment: IncrementsWithoutTtl counts true,
        b066_a_counter_keeps_its_time_to_live "takes the time to live away";
    ttl_is_that_of_the_first: KeepsFirstTtl, b065_another_ttl_replaces_the_first "gives no time to live";
    increment_reads_then_writes: ReadsThenIncrements counts true, b067_no_increment_is_lost "concurrent increments",
        b081_backends_of_one_store_share_a_window "pass a limit of 15";
    increment_ignores_the_limit: AddsBeyondTheLimit counts true,
        b067_no_more_than_the_limit_is_added "is within 15",
        b068_what_exceeds_the_limit_adds_nothing "by 6 up to 5 is Added(6)";
    decrement_ignores_the_limit: SubtractsBeyondTheLimit counts true,
        b068_what_exceeds_the_limit_adds_nothing "by -1 up to 3 is Added(4)";
    increment_adds_what_it_refuses: AddsAndRefuses counts true,
        b067_no_more_than_the_limit_is_added "have added", b068_what_exceeds_the_limit_adds_nothing "by 3 up to 5";
    increment_reports_what_was: ReportsWhatWas counts true, b066_a_counter_ends "0 in place of 5";
    increment_reads_texts_as_numbers: AddsToTexts counts true, b068_counters_are_numbers_as_text "+ 1 made 9";
    decrement_clamps: ClampsAtZero counts true, b068_counters_go_below_zero "made [0, 0, 6]";
    values_are_cut: CutsValues, b064_values_come_back "came back";
    keys_are_cut: CutsKeys, b080_all_of_a_key_counts "share a value";
    keys_lose_their_case: FoldsCase, b080_all_of_a_key_counts "share a value";
    reset_flushes_all: FlushesAll, b074_reset_removes_its_prefix_only "leaves [] only";
    reset_takes_a_pattern: MatchesPatterns, b074_a_prefix_is_no_pattern "leaves [\"a_bxc:1\"";
    locks_never_end: KeepsLocksForever, b072_a_lock_of_the_dead_ends "does not end";
    locks_are_freed_by_anybody: FreesForAnybody, b072_a_stranger_frees_nothing "a stranger frees",
        b072_a_lock_of_the_dead_ends "frees the lock of the next";
    locks_are_shared: SharesLocks, b071_a_held_lock_is_refused "two holders",
        b071_a_lock_has_one_holder_at_a_time "two holders",
        b081_backends_of_one_store_share_their_limits "pass a limit of 15";
    locks_go_to_waiters_that_were_dropped: GivesLocksToTheDropped,
        b073_a_dropped_waiter_holds_nothing "was dropped has the lock";
    tokens_repeat: RepeatsTokens, b072_fencing_tokens_rise "the token 7 came after";
    answers_are_ordered: OrdersAnswers, b069_many_values_come_in_the_order_of_their_keys "in place of";
    missing_answers_are_left_out: SkipsMissing, b069_many_values_come_in_the_order_of_their_keys "in place of";
    swaps_are_blind: SwapsBlindly compares true, b078_a_swap_needs_what_was_expected "answers true",
        b081_backends_of_one_store_share_their_limits "pass a limit of 15";
    swaps_are_read_then_written: ReadsThenSwaps compares true, b078_no_swap_is_lost "of 20 swaps",
        b081_backends_of_one_store_share_their_limits "pass a limit of 15";
}

/// A property that never ends is stopped by the timeout of the kit.
#[tokio::test(start_paused = true)]
async fn locks_are_waited_for_without_end() {
    let clock = ManualClock::new();
    let dict = Arc::new(Dict::<false, false>::at(&clock));
    let subject = Subject::new(Broken { dict, fault: Fault::WaitsForever }).clock(clock);
    let property = store::b071_a_held_lock_is_refused(&subject);
    let violation = throttle_runtime::testkit::in_time(property).await.expect_err("a violation");
    assert!(violation.to_string().contains("has not ended"), "{violation}");
}
