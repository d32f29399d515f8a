//! Which limit of which throttle a state is about.

use super::sketch::BUCKET;
use super::slice::{Budget, Slice};
use crate::rate::DAY;
use crate::strategy::{State, Summary, Usages};

/// One limit of one throttle: what is left of evicted states of different classes is never mixed.
#[derive(Debug)]
pub(super) struct Class {
    summary: Summary,
    period: u64,
    /// The limit when the class was looked up last. Only estimates depend on it, as a limit may differ between clients.
    pub(super) limit: u64,
    slices: Vec<Slice>,
    /// Bytes of a slice where the budget is exhausted.
    least: usize,
}

/// Bytes for the slices of all limits that have no class of their own.
const OTHERS: usize = 64 * 1024;

/// The most slices of a class. Only a clock that is set again and again needs more.
const SLICES: usize = 64;

impl Class {
    pub(super) const fn new(summary: Summary, period: u64, limit: u64) -> Self {
        Self { summary, period, limit, slices: Vec::new(), least: BUCKET }
    }

    /// The class of all limits that have none of their own. Nothing is known about their states but when they end.
    pub(super) const fn others() -> Self {
        Self { summary: Summary::Opaque, period: DAY, limit: 1, slices: Vec::new(), least: OTHERS }
    }

    /// What a state says about its identity.
    pub(super) fn usages(&self, state: &State) -> Usages {
        self.summary.of(state, self.period)
    }

    /// Adds what a state says about an identity.
    pub(super) fn add(&mut self, id: u64, state: &State, now: u64, budget: &mut Budget) {
        for usage in self.usages(state) {
            let name = Slice::name(usage, self.summary, self.period);
            let at = self.slices.iter().position(|slice| slice.takes(name, now)).unwrap_or_else(|| {
                self.make_room(budget);
                self.slices.push(Slice::new(name, (self.summary, self.period), self.least));
                self.slices.len() - 1
            });
            self.slices[at].add(id, usage, now, self.limit, budget);
        }
    }

    /// What an identity has used at most.
    pub(super) fn get(&self, id: u64, now: u64) -> Usages {
        self.slices.iter().filter_map(|slice| slice.get(id, now, self.period)).collect()
    }

    /// Drops the slices that have ended; returns when the first of the others ends.
    pub(super) fn expire(&mut self, now: u64, budget: &mut Budget) -> u64 {
        self.slices.retain(|slice| {
            let is_live = slice.until > now;
            if !is_live {
                budget.free(slice.bytes());
            }
            is_live
        });
        self.ends()
    }

    pub(super) fn ends(&self) -> u64 {
        self.slices.iter().map(|slice| slice.until).min().unwrap_or(u64::MAX)
    }

    /// Bytes that are allocated beside the sketches.
    pub(super) const fn bytes(&self) -> usize {
        size_of::<Self>() + self.slices.capacity() * size_of::<Slice>()
    }

    pub(super) fn clear(&mut self) {
        self.slices = Vec::new();
    }

    pub(super) const fn slices(&self) -> usize {
        self.slices.len()
    }

    /// How much speaks against the eviction of a state: how much of the limit it has used, to a power of two, and then
    /// how long it lasts. A state at its limit goes last: nearly nothing of it may get lost.
    pub(super) fn weight(&self, state: &State, now: u64) -> (u32, u64, u64) {
        let ahead = state.until().saturating_sub(now);
        let share = |used: u64, of: u64| {
            if used >= of { FULL } else { FULL - 1 + bits(used) - bits(of) }
        };
        let used = match self.summary.used(state) {
            Some(units) => share(units, self.limit),
            None if self.summary == Summary::Opaque => FULL - 1,
            None => share(ahead, self.period),
        };
        (used, state.until(), state.word())
    }

    fn make_room(&mut self, budget: &mut Budget) {
        if self.slices.len() >= SLICES
            && let Some((last, _)) = self.slices.iter().enumerate().max_by_key(|(_, slice)| slice.until)
        {
            budget.free(self.slices.swap_remove(last).bytes());
        }
    }
}

/// The weight of a state that has used all of its limit.
const FULL: u32 = 2 * u64::BITS;

const fn bits(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}
