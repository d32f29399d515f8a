//! Under which key the states of an identity are stored, and in which form: a record, or the counter of a window.

use std::time::Duration;

use super::counter;
use super::record::{Hold, LONGEST, Record, SLACK};
use crate::strategy::State;

/// Where the states of an identity are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// The name of the identity, by which it is locked.
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

    /// The counter of the window of this period that `now` is in.
    pub(super) fn counter(name: &str, period: u64, now: u64) -> Self {
        let until = (now - now % period).saturating_add(period);
        let window = Some(Window { until, period });
        Self { name: name.to_owned(), key: format!("{name}:{until}"), window }
    }

    pub(super) const fn is_counter(&self) -> bool {
        self.window.is_some()
    }

    /// Whether it is still the place at that time.
    pub(super) const fn is_current(&self, now: u64) -> bool {
        match self.window {
            Some(Window { until, period }) => until > now && until - now <= period,
            None => true,
        }
    }

    /// Reads the record of a text, and the hold on it.
    pub(super) fn read(&self, text: Option<&str>, now: u64) -> (Record, Option<Hold>) {
        if !self.is_counter() {
            return Record::read(text).split();
        }
        match text.map(str::parse) {
            Some(Ok(number)) => (self.counted(number), counter::hold_of(number, now)),
            // A text that is no number is reported as an unreadable record is.
            unreadable => (Record::read(unreadable.map(|_| "")), None),
        }
    }

    /// The record of a counter.
    pub(super) fn counted(&self, number: i64) -> Record {
        let (units, until) = (counter::units_of(number), self.window.map_or(0, |window| window.until));
        let states = if units > 0 { vec![State::new(until, units)] } else { Vec::new() };
        Record { states, hold: None }
    }

    /// The units of a record, as its counter has them.
    pub(super) fn units(&self, record: &Record) -> i64 {
        let state = record.state(0);
        // A state that was made from an answer may end a little earlier or later than its window.
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

    /// How long it has to be kept. A counter is kept for a period more: a clock that steps back finds the window that was
    /// before.
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
