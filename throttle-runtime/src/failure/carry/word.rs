//! What the primary said last.

use std::time::Duration;

use smallvec::SmallVec;

use super::gauge::{ask, charged, left};
use crate::Quota;
use crate::backend::Charge;
use crate::strategy::{Arrival, Class, State, Strategy};

/// What the primary said last to one class of callers of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) class: Class,
    /// Of each limit; nothing of what is unlimited.
    used: SmallVec<[Used; 2]>,
    /// When that was, by the clock of the primary.
    at: u64,
    /// The same by the clock of this process.
    pub(super) heard: u64,
}

/// Units that were used, and how many microseconds later one of them comes back, and all.
type Used = (u64, u64, u64);

/// Answers of the same time come in any order; nothing is so late as this, in microseconds.
const LATEST: u64 = 1_000_000;

impl Word {
    /// What was said to a charge at the time `at` of the primary.
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

    /// Both, of which the other one came later, though it need not have been said later.
    pub(super) fn and(&mut self, other: Self) {
        match self.at.checked_sub(other.at) {
            // Of answers that overtook each other the last is the one that has used most.
            Some(late) if late < LATEST => {
                for (used, other) in self.used.iter_mut().zip(other.used) {
                    *used = other.max(*used);
                }
            }
            _ => *self = other,
        }
    }

    /// The state that says the same about a limit, as if all that was used had been charged when that was heard.
    pub(super) fn state(&self, limit: usize, strategy: &dyn Strategy, arrival: Arrival) -> State {
        let (used, next, reset) = self.used.get(limit).copied().unwrap_or_default();
        let heard = arrival.at(self.heard);
        if used == 0 {
            return if reset == 0 { State::EMPTY } else { self.part(strategy, heard, reset) };
        }
        let state = charged(strategy, &State::EMPTY, heard, used);
        // Of a capacity that is not whole units, a part of one may be used beside them.
        match next.saturating_sub(micros(ask(strategy, &state, heard).next_after())) {
            0 => state,
            early => charged(strategy, &State::EMPTY, heard.at(self.heard.saturating_add(early)), used),
        }
    }
}

impl Word {
    /// A part of a unit that comes back so many microseconds later: what is left of one that was charged before.
    fn part(&self, strategy: &dyn Strategy, heard: Arrival, reset: u64) -> State {
        let unit = charged(strategy, &State::EMPTY, heard, 1);
        let before = micros(ask(strategy, &unit, heard).reset_after()).saturating_sub(reset);
        charged(strategy, &State::EMPTY, heard.at(self.heard.saturating_sub(before)), 1)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
