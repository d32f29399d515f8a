//! The last known usage at the primary.

use std::time::Duration;

use smallvec::SmallVec;

use super::gauge::{ask, charged, left};
use crate::backend::Charge;
use crate::decision::Quota;
use crate::strategy::{Arrival, Class, State, Strategy};

/// The last known usage of one class of an identity, from a decision of the primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) class: Class,
    /// The usage of each limit; zeros for unlimited rates.
    used: SmallVec<[Used; 2]>,
    /// The time of the decision, by the clock of the primary.
    at: u64,
    /// The time when the decision was received, by the clock of this process.
    pub(super) heard: u64,
}

/// The used units, the microseconds until one of them is returned, and the microseconds until all are returned.
type Used = (u64, u64, u64);

/// Decisions that arrive in the wrong order are less than this apart, in microseconds of the primary's clock.
const LATEST: u64 = 1_000_000;

impl Word {
    /// The usage from a decision about `charge`, at the time `at` of the primary.
    pub(super) fn new(charge: &Charge<'_>, quotas: &[Quota], at: u64, now: u64) -> Self {
        let used = charge.rates.iter().zip(quotas).map(|(rate, quota)| {
            let whole = || left(charge.strategy, &State::EMPTY, charge.arrival(*rate, 0, now));
            if rate.is_unlimited() {
                (0, 0, 0)
            } else {
                let used = whole().saturating_sub(quota.remaining());
                (used, micros(quota.next_after()), micros(quota.reset_after()))
            }
        });
        Self { class: charge.class, used: used.collect(), at, heard: now }
    }

    /// Merges another decision, which was received later but may have been made earlier.
    pub(super) fn and(&mut self, other: Self) {
        match self.at.checked_sub(other.at) {
            // Of decisions that overtook each other, the last one is the one with the highest usage.
            Some(late) if late < LATEST => {
                for (used, other) in self.used.iter_mut().zip(other.used) {
                    *used = other.max(*used);
                }
            }
            _ => *self = other,
        }
    }

    /// Returns a state of a limit with this usage, as if all units had been charged when the decision was
    /// received.
    pub(super) fn state(&self, limit: usize, strategy: &dyn Strategy, arrival: Arrival) -> State {
        let (used, next, reset) = self.used.get(limit).copied().unwrap_or_default();
        let heard = arrival.at(self.heard);
        if used == 0 {
            return if reset == 0 { State::EMPTY } else { self.of_class(strategy, heard, reset) };
        }
        let state = charged(strategy, &State::EMPTY, heard, used);
        // If the capacity is not a whole number of units, a part of a unit may be used in addition.
        match next.saturating_sub(micros(ask(strategy, &state, heard).next_after())) {
            0 => state,
            early => charged(strategy, &State::EMPTY, heard.at(self.heard.saturating_add(early)), used),
        }
    }
}

impl Word {
    /// Returns a state in which a part of a unit is used, which is returned `reset` microseconds later. It is
    /// the rest of a unit that was charged earlier.
    fn of_class(&self, strategy: &dyn Strategy, heard: Arrival, reset: u64) -> State {
        let unit = charged(strategy, &State::EMPTY, heard, 1);
        let before = micros(ask(strategy, &unit, heard).reset_after()).saturating_sub(reset);
        charged(strategy, &State::EMPTY, heard.at(self.heard.saturating_sub(before)), 1)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
