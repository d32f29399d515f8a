//! Which of a clock's times a decision goes by.

use std::sync::Arc;

use crate::clock::{Clock, SystemClock};

#[derive(Debug)]
pub(super) struct Time {
    clock: Source,
    /// How late the coarse time is at most, in microseconds.
    tick: u64,
}

/// The system's clock is asked without a call through a table.
#[derive(Debug)]
enum Source {
    System(SystemClock),
    Other(Arc<dyn Clock>),
}

/// A coarse time may be late by one part in so many of a period.
const PART: u64 = 200;

/// How long before the end of a wait, or of a state, the exact time is asked, in microseconds. A tick would do on a
/// machine of its own; the ticks of a virtual one may be late themselves.
pub(super) const MARGIN: u64 = 1_000_000;

impl Time {
    pub(super) fn new(clock: Option<Arc<dyn Clock>>) -> Self {
        let clock = clock.map_or_else(|| Source::System(SystemClock::new()), Source::Other);
        let tick = match &clock {
            Source::System(clock) => clock.tick(),
            Source::Other(clock) => clock.tick(),
        };
        Self { clock, tick }
    }

    #[inline]
    pub(super) fn now(&self) -> u64 {
        match &self.clock {
            Source::System(clock) => clock.now(),
            Source::Other(clock) => clock.now(),
        }
    }

    #[expect(clippy::inline_always, reason = "a call costs a tenth of a decision")]
    #[inline(always)]
    pub(super) fn coarse(&self) -> u64 {
        match &self.clock {
            Source::System(clock) => clock.coarse(),
            Source::Other(clock) => clock.coarse(),
        }
    }

    /// Whether the coarse time is good enough for a period in microseconds.
    pub(super) const fn is_coarse(&self, period: u64) -> bool {
        self.tick > 0 && period > MARGIN && period / PART >= self.tick
    }
}
