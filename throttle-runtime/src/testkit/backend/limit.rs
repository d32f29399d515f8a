//! Limits that properties use, and calls that decide on them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Backend, Charge, Mode, Verdict};
use crate::decision::Quota;
use crate::key::Key;
use crate::rate::Rate;
use crate::strategy::{
    Adaptive, CostBasedTokenBucket, FixedWindow, Gcra, LeakyBucket, LeakyBucketQueue, PriorityQueue,
    QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, Strategy, TieredRate, TokenBucket,
    TokenBucketWithDebt,
};
use crate::testkit::Outcome;
use crate::testkit::violation::ensure;
use crate::util::duration::micros;

/// Limits under one scope.
pub(in crate::testkit) struct Limit {
    pub(super) scope: String,
    pub(super) strategy: Arc<dyn Strategy>,
    pub(super) rates: Vec<Rate>,
}

/// A period that is longer than any test.
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

impl Limit {
    pub(in crate::testkit) fn per_month(scope: &str, limits: &[u64]) -> Self {
        let rates = limits.iter().filter_map(|limit| Rate::new(*limit, MONTH).ok()).collect();
        Self { scope: scope.to_owned(), strategy: Arc::new(FixedWindow), rates }
    }

    /// Returns one limit of `limit` units per month for each strategy.
    pub(in crate::testkit) fn of_each_strategy(scope: &str, limit: u64) -> Vec<Self> {
        Self::of_each(scope, limit, MONTH)
    }

    pub(super) fn of_each(scope: &str, limit: u64, period: Duration) -> Vec<Self> {
        let rates: Vec<_> = Rate::new(limit, period).into_iter().collect();
        let make = |strategy| Self { scope: scope.to_owned(), strategy, rates: rates.clone() };
        strategies(limit).into_iter().map(make).collect()
    }

    pub(in crate::testkit) fn charge<'a>(&'a self, key: &'a Key, cost: u64) -> Charge<'a> {
        Charge::new(&self.scope, key, &*self.strategy, &self.rates, cost)
    }

    pub(in crate::testkit) async fn decide(
        &self,
        backend: &dyn Backend,
        key: impl Into<Key>,
        cost: u64,
        mode: Mode,
    ) -> Outcome<Answer> {
        let key = key.into();
        Ok(Answer(backend.decide(&[self.charge(&key, cost)], mode).await?))
    }

    /// Makes one decision on several keys.
    pub(super) async fn decide_all(
        &self,
        backend: &dyn Backend,
        keys: &[&str],
        cost: u64,
    ) -> Outcome<Answer> {
        let keys: Vec<Key> = keys.iter().map(|key| Key::from(*key)).collect();
        let charges: Vec<_> = keys.iter().map(|key| self.charge(key, cost)).collect();
        Ok(Answer(backend.decide(&charges, Mode::Consume).await?))
    }

    /// Returns what is left of each limit.
    pub(super) async fn left(&self, backend: &dyn Backend, key: impl Into<Key>) -> Outcome<Vec<u64>> {
        let answer = self.decide(backend, key, 0, Mode::Peek).await?;
        let (asked, answered) = (self.rates.len(), answer.0.quotas.len());
        ensure!(answered == asked, "asked about {asked} limits, it answers about {answered}");
        Ok(answer.0.quotas.iter().map(Quota::remaining).collect())
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?}", self.strategy.name(), self.rates)
    }
}

/// A verdict, with the accessors that properties need.
#[derive(Debug)]
pub(in crate::testkit) struct Answer(pub(super) Verdict);

impl Answer {
    pub(in crate::testkit) fn fits(&self) -> bool {
        self.0.quotas.iter().all(Quota::fits)
    }

    /// Returns when the request fits, in microseconds since the Unix epoch. `None` if it fits now, or never
    /// fits.
    pub(super) fn fits_at(&self) -> Option<u64> {
        let wait = self.0.quotas.iter().filter_map(Quota::retry_after).max()?;
        Some(self.0.at.saturating_add(micros(wait)))
    }
}

fn strategies(limit: u64) -> Vec<Arc<dyn Strategy>> {
    vec![
        Arc::new(Adaptive::new().load(|| 0)),
        #[cfg(feature = "time-zones")]
        Arc::new(crate::strategy::Calendar::in_zone("Europe/Berlin")),
        Arc::new(CostBasedTokenBucket::new()),
        Arc::new(FixedWindow),
        Arc::new(Gcra::new().burst(limit)),
        Arc::new(LeakyBucket),
        Arc::new(LeakyBucketQueue::new()),
        Arc::new(PriorityQueue::new()),
        Arc::new(QuotaWithRollover::new()),
        Arc::new(SlidingWindowCounter),
        Arc::new(SlidingWindowLog),
        Arc::new(TieredRate::new()),
        #[cfg(feature = "time-zones")]
        Arc::new(crate::strategy::TimeOfDay::in_zone("UTC").window(
            8,
            17,
            crate::strategy::Multiplier::new(2),
        )),
        Arc::new(TokenBucket::new()),
        Arc::new(TokenBucketWithDebt::new()),
    ]
}
