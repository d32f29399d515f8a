//! Selects the exact or the coarse time of a clock.
//!
//! Reading the coarse clock of the kernel costs a third of reading the exact clock. Its time may be late by one
//! tick. It is used only for states that exist for at least another second, so that they exist by both clocks.
//! A denial whose wait is shorter than a second is decided again by the exact time. Therefore, no request is
//! admitted that the exact time would deny, and a client that has waited is admitted. Its wait may be one tick
//! too long.

use std::sync::Arc;

use crate::clock::{Clock, SystemClock};

#[derive(Debug)]
pub(super) struct Time {
    clock: Source,
    /// The usual lag of the coarse time, in microseconds.
    tick: u64,
}

/// The system clock is called directly, without dynamic dispatch.
#[derive(Debug)]
enum Source {
    System(SystemClock),
    Other(Arc<dyn Clock>),
}

/// The coarse time is used if its lag is at most one part in `PART` of the period.
const PART: u64 = 200;

/// How long before the end of a wait or of a state the exact time is read, in microseconds. On a physical
/// machine one tick would be enough, but the ticks of a virtual machine can be late.
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

    /// Returns whether the coarse time is precise enough for a period in microseconds.
    pub(super) const fn is_coarse(&self, period: u64) -> bool {
        self.tick > 0 && period > MARGIN && period / PART >= self.tick
    }
}
