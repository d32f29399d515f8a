//! Durations and times as numbers. Alone because clocks, backends and strategies all count microseconds.

use std::time::{Duration, SystemTime};

/// Returns the whole microseconds of a duration, or the largest number if they do not fit into 64 bits.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Converts a time of the clock, in microseconds since the Unix epoch. Returns `None` if the system cannot
/// represent it.
pub(crate) fn system_time(micros: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(micros))
}
