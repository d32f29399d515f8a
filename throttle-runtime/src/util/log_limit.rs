//! Limits how often a repeated event is logged.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crate::error::ErrorKind;
use crate::util::duration::micros;

/// Limits one repeated event: the first is logged immediately, and then at most one per second, with the number
/// of events that were omitted in between. A limit takes 16 bytes and no lock.
#[derive(Debug)]
pub(crate) struct LogLimit {
    /// The time of the last logged event, in microseconds.
    logged: AtomicU64,
    omitted: AtomicU64,
}

/// The value of `logged` before the first event is logged.
const NEVER: u64 = u64::MAX;

/// The minimum time between two logged events, in microseconds.
const INTERVAL: u64 = 1_000_000;

impl LogLimit {
    pub(crate) const fn new() -> Self {
        Self { logged: AtomicU64::new(NEVER), omitted: AtomicU64::new(0) }
    }

    /// Returns whether the event at `now`, in microseconds, is logged, with the number of events that were omitted
    /// before it.
    pub(crate) fn admit(&self, now: u64) -> Option<Omitted> {
        let (last, now) = (self.logged.load(Relaxed), now.min(NEVER - 1));
        // Threads may read the clock out of order. So the limit restarts only if the clock is set back by at
        // least the interval.
        let is_due = last == NEVER || now.abs_diff(last) >= INTERVAL;
        if is_due && self.logged.compare_exchange(last, now, Relaxed, Relaxed).is_ok() {
            Some(Omitted(self.omitted.swap(0, Relaxed)))
        } else {
            self.omitted.fetch_add(1, Relaxed);
            None
        }
    }

    /// Returns how many events were omitted since the last logged one.
    #[cfg(test)]
    pub(crate) fn omitted(&self) -> u64 {
        self.omitted.load(Relaxed)
    }

    /// Like [`admit`](Self::admit), with the monotonic clock of the process. For events that belong to no
    /// registry.
    pub(crate) fn admit_now(&self) -> Option<Omitted> {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        self.admit(micros(START.elapsed()))
    }
}

/// The number of events that were omitted before a logged one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Omitted(u64);

impl Omitted {
    /// Returns the value of the field `omitted`. An event has the field only if events were omitted.
    pub(crate) fn field(self) -> Option<u64> {
        Some(self.0).filter(|omitted| *omitted > 0)
    }
}

/// A [`LogLimit`] for each kind of error.
#[derive(Debug)]
pub(crate) struct LogLimits([LogLimit; ErrorKind::COUNT]);

impl LogLimits {
    pub(crate) const fn new() -> Self {
        Self([const { LogLimit::new() }; ErrorKind::COUNT])
    }

    pub(crate) fn admit(&self, kind: ErrorKind, now: u64) -> Option<Omitted> {
        self.0[kind as usize].admit(now)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::{ErrorKind, INTERVAL, LogLimit, LogLimits, NEVER};

    fn omitted(limit: &LogLimit, now: u64) -> Option<u64> {
        limit.admit(now).map(|omitted| omitted.field().unwrap_or(0))
    }

    #[test]
    fn f33_the_first_is_logged_and_then_one_per_second_with_the_number_of_the_omitted() {
        let limit = LogLimit::new();
        assert_eq!(omitted(&limit, 0), Some(0), "the first, at any time");
        assert_eq!([0, 1, INTERVAL - 1].map(|now| omitted(&limit, now)), [None; 3]);
        assert_eq!(omitted(&limit, INTERVAL), Some(3));
        assert_eq!(omitted(&limit, INTERVAL + 1), None);
        assert_eq!(omitted(&limit, 9 * INTERVAL), Some(1), "the rest is reported with the next line");
        assert_eq!(omitted(&limit, 10 * INTERVAL), Some(0));
    }

    #[test]
    fn f33_a_clock_that_is_set_back_neither_floods_nor_silences_the_log() {
        let limit = LogLimit::new();
        assert_eq!(omitted(&limit, NEVER), Some(0), "the last moment");
        assert_eq!(omitted(&limit, NEVER), None);
        assert_eq!(omitted(&limit, NEVER - INTERVAL / 2), None, "a thread that has read the clock earlier");
        assert_eq!(omitted(&limit, 5), Some(2), "years earlier");
        assert_eq!(omitted(&limit, 6), None);
    }

    #[test]
    fn f33_each_kind_is_logged_for_itself() {
        let limits = LogLimits::new();
        for kind in ErrorKind::ALL {
            assert!(limits.admit(kind, 7).is_some(), "{kind:?}");
            assert!(limits.admit(kind, 7).is_none(), "{kind:?}");
        }
    }

    #[test]
    fn f33_threads_log_one_line_and_lose_no_count() {
        let (limit, lines) = (LogLimit::new(), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        lines.fetch_add(u64::from(limit.admit(1).is_some()), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(lines.into_inner(), 1);
        assert_eq!(omitted(&limit, 1 + INTERVAL), Some(7_999));
    }
}
