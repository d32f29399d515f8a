//! Slices: the usage of evicted states that ends at about the same time. A slice has a few sketches, each
//! larger than the previous one.
//!
//! A full sketch is not enlarged, because the hash that is needed to move an entry is not stored. Usage that
//! ends at different times is in different slices, so usage that has ended does not count.

use super::sketch;
use super::sketch::{BUCKET, Sketch, Widths};
use crate::strategy::{Lane, Summary, Usage};

/// The memory budget of the sketches. Each slice gets a minimum even if the budget is exhausted.
#[derive(Debug)]
pub(super) struct Budget {
    most: usize,
    used: usize,
}

impl Budget {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, used: 0 }
    }

    pub(super) const fn used(&self) -> usize {
        self.used
    }

    pub(super) const fn clear(&mut self) {
        self.used = 0;
    }

    pub(super) const fn free(&mut self, bytes: usize) {
        self.used -= bytes;
    }

    /// Grants up to `wanted` bytes to a slice that already has `own` bytes. A quarter of the bytes that other
    /// slices leave stays reserved for further slices.
    fn take(&mut self, wanted: usize, own: usize) -> usize {
        let left_by_others = (self.most + own).saturating_sub(self.used);
        let granted = wanted.min((left_by_others / 4 * 3).saturating_sub(own)) / BUCKET * BUCKET;
        self.used += granted;
        granted
    }
}

/// Identifies the content of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    lane: Lane,
    /// In a lane of units: the end time of the units. In a lane of times: the leading bits of the times.
    number: u64,
}

#[derive(Debug)]
pub(super) struct Slice {
    name: Name,
    /// When the last usage ends.
    pub(super) until: u64,
    /// The latest time at which a state was evicted into this slice.
    since: u64,
    /// Times are stored in units of 2^`unit` microseconds.
    unit: u32,
    /// Bytes of a tag in large sketches.
    tag: usize,
    sketches: Vec<Sketch>,
    /// Bytes of the first sketch when the budget is exhausted.
    least: usize,
}

/// If the clock steps back by more than this number of periods, denials until a given time end.
const STEP_BACK: u64 = 16;

/// Bytes of the first sketch of a slice.
const FIRST: usize = 8 * BUCKET;

/// Each sketch of a slice is this many times as large as the previous one.
const GROWTH: usize = 16;

/// Bytes of a tag. With short tags, up to 31 of 65,536 clients are mistaken for another client.
const SHORT: usize = 2;
const LONG: usize = 3;

/// Sketches below this number of bytes have long tags: they take little memory, and every lookup of a client
/// reads all of them.
const LARGE: usize = 1 << 20;

impl Slice {
    /// Returns the slice that a usage belongs to, in a class with this period.
    pub(super) const fn name(usage: Usage, summary: Summary, period: u64) -> Name {
        let number = match usage.lane {
            Lane::Units(_) => summary.slice(usage.until, period),
            Lane::Until | Lane::Spent => quantum(usage.until, unit(period)) >> 32,
        };
        Name { lane: usage.lane, number }
    }

    pub(super) const fn new(name: Name, (summary, period): (Summary, u64), least: usize) -> Self {
        // A client that is looked up in several slices may share a tag in each of them.
        let several =
            matches!(summary, Summary::TwoWindows | Summary::Adaptive | Summary::Log | Summary::Priorities);
        let tag = if several { LONG } else { SHORT };
        Self { name, until: 0, since: 0, unit: unit(period), tag, sketches: Vec::new(), least }
    }

    /// Returns whether usage of that name may be added now. Within a slice of times, the clock must not step
    /// back: after a step back, a time that is too far in the future to count must not hide the times that
    /// count.
    pub(super) fn takes(&self, name: Name, now: u64) -> bool {
        self.name == name && (matches!(name.lane, Lane::Units(_)) || self.since <= now)
    }

    /// Returns whether the slice contains usage of that kind.
    pub(super) fn is_of(&self, lane: Lane) -> bool {
        self.name.lane == lane
    }

    /// Bytes that are allocated.
    pub(super) fn bytes(&self) -> usize {
        self.sketches.iter().map(Sketch::bytes).sum()
    }

    /// Adds the usage of an identity, for a limit of about `limit` units.
    pub(super) fn add(&mut self, id: u64, usage: Usage, now: u64, limit: u64, budget: &mut Budget) {
        self.until = self.until.max(usage.until);
        self.since = self.since.max(now);
        let floor = self.floor(now);
        let number = match self.name.lane {
            Lane::Units(_) => usage.units,
            Lane::Until | Lane::Spent => low(quantum(usage.until, self.unit)),
        };
        if let Some(last) = self.sketches.last_mut()
            && floor > 0
            && last.is_stale()
        {
            last.sweep(floor);
        }
        if self.sketches.last().is_none_or(|last| last.is_full() || !last.holds(number)) {
            self.grow(number, limit, budget);
        }
        if let Some(last) = self.sketches.last_mut() {
            last.raise(id, number, floor);
        }
    }

    /// Returns the maximum that an identity may have used, or `None` if it has used nothing.
    pub(super) fn get(&self, id: u64, now: u64, period: u64) -> Option<Usage> {
        // After such a step back, strategies ignore a state. A clock that was wrong therefore does not deny a
        // client for years.
        let is_of_another_time = now.saturating_add(period.saturating_mul(STEP_BACK)) < self.since;
        if self.until <= now || self.name.lane == Lane::Spent && is_of_another_time {
            return None;
        }
        let floor = self.floor(now);
        let number =
            self.sketches.iter().map(|sketch| sketch.get(id, floor)).max().filter(|number| *number > 0)?;
        Some(match self.name.lane {
            lane @ Lane::Units(_) => Usage { lane, until: self.until, units: number },
            lane => Usage {
                lane,
                until: (self.name.number << 32 | number.min(u64::from(u32::MAX))) << self.unit,
                units: 0,
            },
        })
        .filter(|usage| usage.until > now)
    }

    fn grow(&mut self, number: u64, limit: u64, budget: &mut Budget) {
        let number = match self.name.lane {
            Lane::Units(_) => sketch::width(number.max(limit)),
            Lane::Until | Lane::Spent => 4,
        };
        let wanted = self.sketches.last().map_or(FIRST, |last| last.bytes() * GROWTH);
        let widths = Widths { tag: if wanted < LARGE { LONG } else { self.tag }, number };
        let granted = budget.take(wanted, self.bytes());
        match self.sketches.last() {
            // A sketch that is much smaller than the last one would be full too soon.
            Some(last) if granted * 4 < last.bytes() => budget.free(granted),
            Some(_) => self.sketches.push(Sketch::new(granted, widths)),
            None => {
                budget.used += self.least.saturating_sub(granted);
                self.sketches.push(Sketch::new(granted.max(self.least), widths));
            }
        }
    }

    /// Returns the number up to which times have passed.
    const fn floor(&self, now: u64) -> u64 {
        match self.name.lane {
            Lane::Units(_) => 0,
            Lane::Until | Lane::Spent => {
                let now = now >> self.unit;
                let begin = self.name.number << 32;
                let floor = now.saturating_sub(begin);
                if floor > u32::MAX as u64 { u32::MAX as u64 } else { floor }
            }
        }
    }
}

/// Times are exact to one part in 2^31 of the period.
const fn unit(period: u64) -> u32 {
    (u64::BITS - period.leading_zeros()).saturating_sub(31)
}

/// Returns a time in units, rounded up.
const fn quantum(until: u64, unit: u32) -> u64 {
    until.div_ceil(1 << unit)
}

/// Returns the part of a time that is not in the name of its slice. It is never 0, because 0 means "no
/// entry".
const fn low(quantum: u64) -> u64 {
    let low = quantum & u32::MAX as u64;
    if low == 0 { 1 } else { low }
}
