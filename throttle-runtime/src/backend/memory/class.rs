//! Classes of states: the limit and throttle that a state belongs to.

use super::sketch::BUCKET;
use super::slice::{Budget, Slice};
use crate::rate::DAY;
use crate::strategy::{State, Summary, Usage, Usages};

/// One limit of one throttle. The usage of evicted states of different classes is never mixed.
#[derive(Debug)]
pub(super) struct Class {
    summary: Summary,
    period: u64,
    /// The limit at the last lookup of the class. A limit may differ between clients, so only estimates
    /// depend on this value.
    pub(super) limit: u64,
    slices: Vec<Slice>,
    /// Bytes of a slice when the budget is exhausted.
    least: usize,
}

/// Bytes for the slices of all limits that have no class of their own.
const OTHERS: usize = 64 * 1024;

/// The maximum number of slices of a class. Only a clock that is set again and again needs more.
const SLICES: usize = 64;

/// The maximum number of slices of one kind of usage, if the usage may count for longer than in its state.
const SLICES_OF_LANE: usize = 16;

impl Class {
    pub(super) const fn new(summary: Summary, period: u64, limit: u64) -> Self {
        Self { summary, period, limit, slices: Vec::new(), least: BUCKET }
    }

    /// Creates the class of all limits that have no class of their own. Only the end of their states is
    /// known.
    pub(super) const fn others() -> Self {
        Self { summary: Summary::Opaque, period: DAY, limit: 1, slices: Vec::new(), least: OTHERS }
    }

    /// Returns the usage that a state contains.
    pub(super) fn usages(&self, state: &State) -> Usages {
        self.summary.of(state, self.period)
    }

    /// Adds the usage that a state contains to an identity.
    pub(super) fn add(&mut self, id: u64, state: &State, now: u64, budget: &mut Budget) {
        for usage in self.usages(state) {
            let name = Slice::name(usage, self.summary, self.period);
            let own = self.slices.iter().position(|slice| slice.takes(name, now));
            let at = own.or_else(|| self.shared(usage)).unwrap_or_else(|| {
                self.make_room(budget);
                self.slices.push(Slice::new(name, (self.summary, self.period), self.least));
                self.slices.len() - 1
            });
            self.slices[at].add(id, usage, now, self.limit, budget);
        }
    }

    /// Returns the maximum that an identity may have used.
    pub(super) fn get(&self, id: u64, now: u64) -> Usages {
        self.slices.iter().filter_map(|slice| slice.get(id, now, self.period)).collect()
    }

    /// Drops the slices that have ended. Returns when the first of the remaining slices ends.
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

    /// Bytes that are allocated in addition to the sketches.
    pub(super) const fn bytes(&self) -> usize {
        size_of::<Self>() + self.slices.capacity() * size_of::<Slice>()
    }

    pub(super) fn clear(&mut self) {
        self.slices = Vec::new();
    }

    pub(super) const fn slices(&self) -> usize {
        self.slices.len()
    }

    /// Returns the weight of a state: the state with the least weight is evicted. The weight is the used
    /// share of the limit, to a power of two, and then the end of the state. A state at its limit is evicted
    /// last, because nearly none of its usage may be lost.
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

    /// Returns the slice for usage that may count for longer than in its state, if there are too many slices
    /// of its kind: the slice that ends next after the usage, or the last one.
    fn shared(&self, usage: Usage) -> Option<usize> {
        let of_lane = || self.slices.iter().enumerate().filter(|(_, slice)| slice.is_of(usage.lane));
        if !self.summary.may_outlast(usage.lane) || of_lane().count() < SLICES_OF_LANE {
            return None;
        }
        let later = of_lane().filter(|(_, slice)| slice.until >= usage.until);
        let next = later.min_by_key(|(_, slice)| slice.until);
        next.or_else(|| of_lane().max_by_key(|(_, slice)| slice.until)).map(|(at, _)| at)
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
