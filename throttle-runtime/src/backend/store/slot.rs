//! The key and the form in which the states of an identity are stored: a record, or the counter of a window.

use std::time::Duration;

use super::counter;
use super::record::{Hold, LONGEST, Record, SLACK};
use crate::strategy::State;

/// The key under which the states of an identity are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The name of the identity, which its lock is named after.
    pub(super) name: String,
    pub(super) key: String,
    window: Option<Window>,
}

/// An aligned window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    until: u64,
    period: u64,
}

impl Slot {
    pub(super) fn record(name: &str) -> Self {
        Self { name: name.to_owned(), key: name.to_owned(), window: None }
    }

    /// Returns the slot of the counter for the window of this period that contains `now`.
    pub(super) fn counter(name: &str, period: u64, now: u64) -> Self {
        let until = (now - now % period).saturating_add(period);
        let window = Some(Window { until, period });
        Self { name: name.to_owned(), key: format!("{name}:{until}"), window }
    }

    pub(super) const fn is_counter(&self) -> bool {
        self.window.is_some()
    }

    /// Returns whether the slot is still the right one at that time: a counter is only valid within its
    /// window.
    pub(super) const fn is_current(&self, now: u64) -> bool {
        match self.window {
            Some(Window { until, period }) => until > now && until - now <= period,
            None => true,
        }
    }

    /// Reads the record from a text, and the hold on the record.
    pub(super) fn read(&self, text: Option<&str>, now: u64) -> (Record, Option<Hold>) {
        if !self.is_counter() {
            return Record::read(text).split();
        }
        match text.map(str::parse) {
            Some(Ok(number)) => (self.counted(number), counter::hold_of(number, now)),
            // A text that is not a number is reported like an unreadable record.
            unreadable => (Record::read(unreadable.map(|_| "")), None),
        }
    }

    /// Returns the record that a counter's number stands for.
    pub(super) fn counted(&self, number: i64) -> Record {
        let (units, until) = (counter::units_of(number), self.window.map_or(0, |window| window.until));
        let states = if units > 0 { vec![State::new(until, units)] } else { Vec::new() };
        Record { states, hold: None }
    }

    /// Returns the units of a record, as its counter stores them.
    pub(super) fn units(&self, record: &Record) -> i64 {
        let state = record.state(0);
        // A state that was derived from a reply may end slightly earlier or later than its window.
        let is_of_this =
            self.window.is_some_and(|window| state.until() > window.until.saturating_sub(window.period));
        if is_of_this {
            i64::try_from(state.word()).map_or(counter::UNITS, |units| units.min(counter::UNITS))
        } else {
            0
        }
    }

    pub(super) fn write(&self, record: &Record) -> String {
        if self.is_counter() {
            let gate = record.hold.map_or(0, |hold| counter::gate(hold.until));
            self.units(record).saturating_add(gate).to_string()
        } else {
            record.encode()
        }
    }

    /// Returns how long the value must be kept. A counter is kept for one more period, so that a clock that
    /// steps back still finds the previous window.
    pub(super) fn ttl(&self, record: &Record, now: u64) -> Duration {
        match self.window {
            Some(Window { until, period }) => {
                let left = until.saturating_sub(now).saturating_add(period).saturating_add(SLACK);
                Duration::from_millis(left.div_ceil(1_000)).min(LONGEST)
            }
            None => record.ttl(now),
        }
    }
}
