//! The remaining quota of one limit.

use std::fmt;
use std::time::Duration;

use super::backlog::Backlog;
use crate::rate::Rate;

/// The result of one limit for one request.
///
/// All times are exact to the microsecond, and are relative to the moment of the decision.
///
/// A decision [contains](crate::Decision::quotas) the quotas. Custom strategies create them:
///
/// ```
/// use std::time::Duration;
/// use throttle::{Quota, Rate};
///
/// let quota = Quota::denied(Rate::per_minute(10), 0, 1_500_000).with_times(1_500_000, 60_000_000);
/// assert!(!quota.fits());
/// assert_eq!((quota.rate(), quota.remaining()), (Rate::per_minute(10), 0));
/// assert_eq!(quota.retry_after(), Some(Duration::from_millis(1_500)));
/// assert_eq!(quota.reset_after(), Duration::from_secs(60));
/// ```
#[derive(Clone, Copy)]
pub struct Quota {
    rate: Rate,
    /// 0 if the request fits, otherwise how long it must wait. In microseconds, or in ticks of a backlog.
    wait: u64,
    /// The remaining units, or the ticks of the backlog.
    left: u64,
    /// When more units are available, or the capacity of the backlog.
    next_after: u64,
    /// When the whole limit is available again, or [`BACKLOG`].
    reset_after: u64,
}

/// The value of an infinite wait.
pub(super) const NEVER: u64 = u64::MAX;

/// Marks a quota as a backlog, whose numbers are computed when they are read. A separate field or an enum
/// would be clearer. However, a decision is moved through memory word by word, and that is a third of its
/// cost.
const BACKLOG: u64 = u64::MAX;

impl Quota {
    /// Creates the quota of a request that fits. `remaining` units are left after the request.
    pub const fn allowed(rate: Rate, remaining: u64) -> Self {
        Self { rate, wait: 0, left: remaining, next_after: 0, reset_after: 0 }
    }

    /// Creates the quota of a request that fits after `wait` microseconds (at least 1), if no other request
    /// comes.
    pub const fn denied(rate: Rate, remaining: u64, wait: u64) -> Self {
        let wait = if wait == 0 { 1 } else { wait };
        Self { wait, ..Self::allowed(rate, remaining) }
    }

    /// Creates the quota of a request that costs more than this limit ever allows.
    pub const fn never(rate: Rate, remaining: u64) -> Self {
        Self { wait: NEVER, ..Self::allowed(rate, remaining) }
    }

    #[inline]
    pub(crate) const fn of_backlog(rate: Rate, backlog: Backlog, wait: u64) -> Self {
        Self { rate, wait, left: backlog.ticks, next_after: backlog.capacity, reset_after: BACKLOG }
    }

    const fn backlog(&self) -> Option<Backlog> {
        let Self { left: ticks, next_after: capacity, reset_after, .. } = *self;
        if reset_after == BACKLOG { Some(Backlog { ticks, capacity }) } else { None }
    }

    /// Sets the times of the quota, in microseconds: see [`next_after`](Self::next_after) and
    /// [`reset_after`](Self::reset_after).
    ///
    /// # Default
    ///
    /// 0 for both.
    #[must_use]
    #[inline]
    pub const fn with_times(self, next_after: u64, reset_after: u64) -> Self {
        let reset_after = if reset_after == BACKLOG { BACKLOG - 1 } else { reset_after };
        Self { next_after, reset_after, ..self }
    }

    /// Sets the limit that applies to this client at present.
    ///
    /// It is meant for strategies whose limit depends on more than the rate, such as the tier of the client
    /// or the time of day.
    ///
    /// ```
    /// use throttle::{Quota, Rate};
    ///
    /// let premium = Quota::allowed(Rate::per_minute(10), 49).with_limit(50);
    /// assert_eq!(premium.rate(), Rate::per_minute(50));
    /// ```
    ///
    /// # Default
    ///
    /// The limit of the configured rate.
    #[must_use]
    pub const fn with_limit(self, units: u64) -> Self {
        Self { rate: self.rate.with_limit(units), ..self }
    }

    /// Returns the limit that applies to this client at present.
    ///
    /// The period is that of the configured rate. The number of units is the effective limit of the strategy,
    /// for example the limit of the client's tier, of the hour, or under the present load, including
    /// carried-over units. A burst or debt allowance above the configured number replaces it, so
    /// [`remaining`](Self::remaining) is never greater. Headers contain this number as `q` and
    /// `X-RateLimit-Limit`.
    pub const fn rate(&self) -> Rate {
        let most = match self.backlog() {
            Some(backlog) => backlog.most(self.rate),
            None => self.left,
        };
        if most > self.rate.limit() { self.rate.with_limit(most) } else { self.rate }
    }

    /// Returns whether the limit of [`rate`](Self::rate) is `units`, without a division.
    pub(crate) const fn is_limited_to(&self, units: u64) -> bool {
        match self.backlog() {
            Some(backlog) => backlog.holds(units, self.rate),
            None => self.rate.limit() == units && self.left <= units,
        }
    }

    /// Returns whether the quota belongs to that configured rate. Only the period is compared, because the
    /// strategy may change the limit.
    pub(crate) const fn is_of(&self, rate: &Rate) -> bool {
        self.rate.period_micros() == rate.period_micros()
    }

    /// Returns the units that still fit now, after this request if it was allowed.
    pub const fn remaining(&self) -> u64 {
        match self.backlog() {
            Some(backlog) => backlog.remaining(self.rate),
            None => self.left,
        }
    }

    /// Returns whether the request fits this limit.
    pub const fn fits(&self) -> bool {
        self.wait == 0
    }

    /// Returns whether the request costs more than this limit ever allows, so that no wait helps.
    pub const fn is_never(&self) -> bool {
        self.wait == NEVER
    }

    /// Returns how long the request must wait until it fits, or `None` if it fits or never will.
    pub const fn retry_after(&self) -> Option<Duration> {
        if self.fits() || self.is_never() { None } else { Some(Duration::from_micros(self.wait())) }
    }

    /// Returns how long [`remaining`](Self::remaining) stays the same if no other request comes: the
    /// effective window of the `RateLimit` header.
    pub fn next_after(&self) -> Duration {
        let backlog = self.backlog();
        Duration::from_micros(backlog.map_or(self.next_after, |backlog| backlog.next_after(self.rate)))
    }

    /// Returns how long it takes until the whole limit is available again, if no other request comes.
    pub const fn reset_after(&self) -> Duration {
        Duration::from_micros(match self.backlog() {
            Some(backlog) => backlog.reset_after(self.rate),
            None => self.reset_after,
        })
    }

    /// Returns whether the wait is shorter than `wait`, in microseconds or in ticks of a backlog.
    #[inline]
    pub(crate) const fn waits_less_than(&self, wait: u64) -> bool {
        self.wait < wait
    }

    /// Returns the wait in microseconds.
    pub(super) const fn wait(&self) -> u64 {
        if self.reset_after == BACKLOG && self.wait != NEVER {
            Backlog::wait(self.wait, self.rate)
        } else {
            self.wait
        }
    }
}

impl PartialEq for Quota {
    fn eq(&self, other: &Self) -> bool {
        let values = |quota: &Self| {
            (quota.rate(), quota.remaining(), quota.wait(), quota.next_after(), quota.reset_after())
        };
        values(self) == values(other)
    }
}

impl Eq for Quota {}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota")
            .field("rate", &self.rate())
            .field("remaining", &self.remaining())
            .field("retry_after", &self.retry_after())
            .field("is_never", &self.is_never())
            .field("next_after", &self.next_after())
            .field("reset_after", &self.reset_after())
            .finish_non_exhaustive()
    }
}
