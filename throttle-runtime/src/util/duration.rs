//! Durations as numbers. Alone because clocks, backends and strategies all count microseconds.

use std::time::Duration;

/// Returns the whole microseconds of a duration, or the largest number if they do not fit into 64 bits.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
