//! One charge that takes from each limit what brings it down to a level of its own.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use smallvec::SmallVec;

use super::gauge::{ask, at_most, charged, left};
use crate::Rate;
use crate::settings::Shared;
use crate::strategy::{Arrival, State, Step, Strategy, Summary, Usage};

/// What is to become of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Level {
    /// What it has at most; the empty state says nothing.
    pub(super) most: State,
    /// Units that are taken from that.
    pub(super) owed: u64,
    /// Whether these may have been taken already: then they are taken from `most` only, so that twice is once.
    pub(super) again: bool,
    /// What it has at most after that; the empty state says nothing.
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
        // What had no room would be missing as soon as something older comes back. Nothing does in a full total before all
        // that is owed.
        let full = charged(strategy, &self.total, arrival, u64::MAX);
        at_most(strategy, &full, &level, arrival)
    }

    /// Whether it changes nothing from that time on.
    pub(super) const fn is_void(&self, now: u64) -> bool {
        self.owed == 0 && self.most.until() <= now && self.total.until() <= now
    }
}

/// A strategy whose requests always fit, and take from each limit what brings it down to its level.
///
/// All limits of a charge are charged the same cost, and how much is missing to the level is known only where the
/// state is. A backend keeps states under the name of the strategy and asks it for every change of them: so this one
/// has the other's name, and decides on the other's states, on any backend, all limits at once.
#[derive(Debug)]
pub(super) struct Levels {
    pub(super) strategy: Shared<dyn Strategy>,
    pub(super) limits: SmallVec<[(Rate, Level); 2]>,
    /// Units that are owed and had no room.
    missing: AtomicU64,
}

impl Levels {
    pub(super) const fn new(strategy: Shared<dyn Strategy>, limits: SmallVec<[(Rate, Level); 2]>) -> Self {
        Self { strategy, limits, missing: AtomicU64::new(0) }
    }

    /// Units that are owed and had no room at the decision that has charged them.
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
