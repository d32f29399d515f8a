//! The standard library's monotonic clock. Alone because it replaces `linux.rs` on other systems.

use std::time::Instant;

use crate::util::duration::micros;

#[derive(Debug, Clone)]
pub(super) struct Monotonic(Instant);

impl Monotonic {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    /// Returns the microseconds since this clock was created.
    pub(super) fn now(&self) -> u64 {
        micros(self.0.elapsed())
    }

    pub(super) fn coarse(&self) -> u64 {
        self.now()
    }

    pub(super) const fn tick(&self) -> u64 {
        0
    }
}
