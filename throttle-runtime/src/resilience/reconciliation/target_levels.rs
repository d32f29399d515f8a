//! A charge that brings each limit down to its own level.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use smallvec::SmallVec;

use super::gauge::{ask, at_most, charged, left};
use crate::rate::Rate;
use crate::strategy::{Arrival, State, Step, Strategy, Summary, Usage};
use crate::util::shared::Shared;

/// The target of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Level {
    /// The limit has at most what this state has left. The empty state is no bound.
    pub(super) most: State,
    /// Units that are charged on top of `most`.
    pub(super) owed: u64,
    /// Whether these units may have been charged already. If so, they are charged to `most` only, so that a
    /// second charge has no effect.
    pub(super) again: bool,
    /// After the charge, the limit has at most what this state has left. The empty state is no bound.
    pub(super) total: State,
}

impl Level {
    fn apply(&self, strategy: &dyn Strategy, state: &State, arrival: Arrival) -> State {
        let (state, room) = if self.again {
            let most = charged(strategy, &self.most, arrival, self.owed);
            (at_most(strategy, state, &most, arrival), left(strategy, &self.most, arrival))
        } else {
            let state = at_most(strategy, state, &self.most, arrival);
            (charged(strategy, &state, arrival, self.owed), left(strategy, &state, arrival))
        };
        let level = at_most(strategy, &state, &self.total, arrival);
        if self.owed <= room || self.total.until() <= arrival.now {
            return level;
        }
        // Units that did not fit would be missing as soon as older units are returned. In a full total, no unit
        // is returned before all units that are owed.
        let full = charged(strategy, &self.total, arrival, u64::MAX);
        at_most(strategy, &full, &level, arrival)
    }

    /// Whether applying this level changes nothing from `now` on.
    pub(super) const fn is_void(&self, now: u64) -> bool {
        self.owed == 0 && self.most.until() <= now && self.total.until() <= now
    }
}

/// A strategy whose requests always fit, and which charges each limit down to its level.
///
/// A charge has the same cost for all its limits, and only the backend, which has the state, can compute how
/// many units a limit needs. A backend stores states under the name of the strategy and calls the strategy for
/// every change. Therefore, this strategy has the name of the wrapped strategy and works on its states, on any
/// backend, for all limits in one call.
#[derive(Debug)]
pub(super) struct Levels {
    pub(super) strategy: Shared<dyn Strategy>,
    pub(super) limits: SmallVec<[(Rate, Level); 2]>,
    /// Units that are owed and did not fit.
    missing: AtomicU64,
}

impl Levels {
    pub(super) const fn new(strategy: Shared<dyn Strategy>, limits: SmallVec<[(Rate, Level); 2]>) -> Self {
        Self { strategy, limits, missing: AtomicU64::new(0) }
    }

    /// Returns the units that were owed and did not fit at the decision that charged them.
    pub(super) fn missing(&self) -> u64 {
        self.missing.load(Relaxed)
    }
}

impl Strategy for Levels {
    fn name(&self) -> &'static str {
        self.strategy.name()
    }

    fn load(&self) -> u64 {
        self.strategy.load()
    }

    fn summary(&self) -> Summary {
        self.strategy.summary()
    }

    fn counter_limit(&self, rate: Rate) -> Option<u64> {
        self.strategy.counter_limit(rate)
    }

    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        self.strategy.inherit(usages, arrival)
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let level = self.limits.iter().find(|(rate, _)| *rate == arrival.rate);
        let state = match level {
            Some((_, level)) => {
                let missing = level.owed.saturating_sub(left(&*self.strategy, state, *arrival));
                self.missing.fetch_max(missing, Relaxed);
                level.apply(&*self.strategy, state, *arrival)
            }
            None => state.clone(),
        };
        Step { quota: ask(&*self.strategy, &state, *arrival), state }
    }
}
