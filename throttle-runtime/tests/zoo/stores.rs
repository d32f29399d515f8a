//! Stores that are broken in one way each.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use throttle_runtime::ManualClock;
use throttle_runtime::backend::Store;
use throttle_runtime::testkit::{Subject, store};

use super::says;
use crate::dict::Dict;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    ClampsAtZero,
    CreatesOnExpire,
    CutsKeys,
    CutsValues,
    FlushesAll,
    FoldsCase,
    FreesForAnybody,
    GivesLocksToTheDropped,
    IgnoresExpire,
    IncrementsWithoutTtl,
    KeepsLocksForever,
    LosesTtl,
    LosesTtlOfMany,
    MatchesPatterns,
    OrdersAnswers,
    ReadsThenIncrements,
    ReadsThenSwaps,
    RefreshesTtl,
    RepeatsTokens,
    RoundsTtlDown,
    SharesLocks,
    SkipsMissing,
    SwapsBlindly,
    WaitsForever,
}

#[derive(Debug)]
struct Broken<const COMPARES: bool> {
    dict: Arc<Dict<COMPARES>>,
    fault: Fault,
}

/// Longer than anything is looked at.
const LONG: Duration = Duration::from_secs(86_400);

impl<const COMPARES: bool> Broken<COMPARES> {
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

/// As SQL has it.
fn is_like(key: &str, prefix: &str) -> bool {
    key.len() >= prefix.len() && key.bytes().zip(prefix.bytes()).all(|(a, b)| a == b || b == b'_')
}

impl<const COMPARES: bool> Store for Broken<COMPARES> {
    type Error = Infallible;

    const COMPARE_AND_SET: bool = COMPARES;

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
        self.dict.set(&self.key(key), value, self.ttl(ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<(), Infallible> {
        self.dict.delete(&self.key(key)).await
    }

    async fn expire(&self, key: &str, ttl: Duration) -> Result<(), Infallible> {
        match self.fault {
            Fault::IgnoresExpire => Ok(()),
            Fault::CreatesOnExpire if self.get(key).await?.is_none() => self.set(key, "", Some(ttl)).await,
            _ => self.dict.expire(&self.key(key), ttl).await,
        }
    }

    async fn increment(&self, key: &str, by: i64) -> Result<i64, Infallible> {
        let key = self.key(key);
        if self.has(Fault::ReadsThenIncrements) || self.has(Fault::IncrementsWithoutTtl) {
            let value = self.dict.get(&key).await?.and_then(|value| value.parse().ok()).unwrap_or(0);
            if self.has(Fault::IncrementsWithoutTtl) {
                // What it was is lost with what it was for.
                self.dict.delete(&key).await?;
                return self.dict.increment(&key, value + by).await;
            }
            self.dict.increment(&key, 0).await?;
            self.dict
                .turn(|tables| {
                    let sum: i64 = value + by;
                    if let Some(value) = tables.values.get_mut(&key) {
                        value.text = sum.to_string();
                    }
                    sum
                })
                .await
        } else {
            self.dict.increment(&key, by).await
        }
    }

    async fn decrement(&self, key: &str, by: i64) -> Result<i64, Infallible> {
        let sum = self.increment(key, -by).await?;
        if self.has(Fault::ClampsAtZero) && sum < 0 { self.increment(key, -sum).await } else { Ok(sum) }
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

    async fn increment_with_ttl(&self, key: &str, by: i64, ttl: Duration) -> Result<i64, Infallible> {
        match self.fault {
            Fault::RefreshesTtl => {
                let sum = self.increment(key, by).await?;
                self.expire(key, ttl).await.map(|()| sum)
            }
            _ => self.dict.increment_with_ttl(&self.key(key), by, ttl).await,
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

async fn rejects<const COMPARES: bool>(fault: Fault, reasons: &[(&str, &str)]) {
    let found = store::violations(|| async {
        let clock = ManualClock::new();
        let dict = Arc::new(Dict::<COMPARES>::at(&clock));
        Subject::new(Broken { dict, fault }).clock(clock)
    });
    let found = found.await;
    for (property, sentence) in reasons {
        says(&found, property, sentence);
    }
}

macro_rules! rejected {
    ($($name:ident: $fault:ident $(compares $compares:literal)?, $($property:ident $sentence:literal),+;)*) => { $(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            const COMPARES: bool = false $(|| $compares)?;
            rejects::<COMPARES>(Fault::$fault, &[$((stringify!($property), $sentence)),+]).await;
        }
    )* };
}

rejected! {
    ttl_is_lost: LosesTtl, b065_values_expire "stays for longer";
    ttl_is_rounded_down: RoundsTtlDown, b065_values_live_as_long_as_they_should "gone after 1.4 s",
        b065_values_expire "is gone at once";
    ttl_of_many_is_lost: LosesTtlOfMany, b070_many_values_expire_as_one_does "stays for longer";
    ttl_is_refreshed_by_every_increment: RefreshesTtl,
        b066_a_counter_lives_from_its_first_increment "does not end";
    ttl_is_lost_by_an_increment: IncrementsWithoutTtl,
        b066_a_counter_keeps_its_time_to_live "takes the time to live away";
    expire_does_nothing: IgnoresExpire, b065_another_ttl_replaces_the_first "gives no time to live";
    expire_creates: CreatesOnExpire, b064_missing_keys_are_no_error "makes a value";
    increment_reads_then_writes: ReadsThenIncrements, b067_no_increment_is_lost "increments at once";
    decrement_clamps: ClampsAtZero, b068_counters_go_below_zero "made [0, 0, 6]";
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

/// What never ends is cut short, by the kit's own patience.
#[tokio::test(start_paused = true)]
async fn locks_are_waited_for_without_end() {
    let clock = ManualClock::new();
    let dict = Arc::new(Dict::<false>::at(&clock));
    let subject = Subject::new(Broken { dict, fault: Fault::WaitsForever }).clock(clock);
    let property = store::b071_a_held_lock_is_refused(&subject);
    let violation = throttle_runtime::testkit::in_time(property).await.expect_err("a violation");
    assert!(violation.to_string().contains("has not ended"), "{violation}");
}
