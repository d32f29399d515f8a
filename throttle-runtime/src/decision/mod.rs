//! Decisions: the results of throttles, with the remaining quotas.

pub(crate) mod backlog;
mod decisions;
mod quotas;

use std::fmt;
use std::time::Duration;

use crate::Rate;
use backlog::Backlog;
#[cfg(feature = "axum")]
pub(crate) use decisions::Admitted;
pub use decisions::Decisions;
pub use quotas::Quotas;

/// The result of one limit for one request.
///
/// All times are exact to the microsecond, and are relative to the moment of the decision.
///
/// A decision [contains](Decision::quotas) the quotas. Custom strategies create them:
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
const NEVER: u64 = u64::MAX;

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
    const fn wait(&self) -> u64 {
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

/// The reason for a [`Decision`].
///
/// ```
/// use throttle::{DecisionReason, Hit, Settings, registry};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = registry().build().await?;
/// let exports = registry.create("exports", Settings::new().rate("10/hour"))?;
/// assert_eq!(exports.hit("alice").await?.reason(), DecisionReason::Backend);
/// assert_eq!(exports.hit(Hit::new("alice").cost(0)).await?.reason(), DecisionReason::Free);
/// registry.disable("exports");
/// assert_eq!(exports.hit("alice").await?.reason(), DecisionReason::Disabled);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u64)] // A decision without padding is moved in whole words.
pub enum DecisionReason {
    /// The backend decided.
    Backend,
    /// An earlier reply of the backend decided, without another call: it denied the same client a moment ago.
    Cached,
    /// The backend failed, and another backend decided: see [`fallback`](crate::fallback).
    Fallback,
    /// The backend was not called, because its [circuit breaker](crate::CircuitBreaker) is open. Another
    /// backend decided.
    BreakerOpen,
    /// No backend was called: the throttle is switched off, or all throttles are.
    Disabled,
    /// No backend was called: the caller is exempt.
    Exempt,
    /// No backend was called: the throttle's [rules](crate::Rule) do not match this request.
    Bypassed,
    /// No backend was called: the rate is [`Rate::UNLIMITED`].
    Unlimited,
    /// No backend was called: the cost is 0.
    Free,
    /// The backend failed, and the policy admitted the request.
    AllowedOnError,
    /// The backend failed, and the policy throttled the request.
    ThrottledOnError,
    /// The throttle is in dry-run mode: the request is admitted although it would have been denied, by the
    /// backend or because the backend failed.
    DryRun,
    /// The concurrency limit decided: [`Settings::max_concurrent`](crate::Settings::max_concurrent). Either all
    /// permits are in use, or the throttle has no rate and the request received a permit.
    Concurrency,
    /// The program denied the request itself: [`Throttled::new`](crate::Throttled::new).
    Program,
    /// The client is on the throttle's [`deny`](crate::Settings::deny) list: status 403.
    Forbidden,
}

/// The result of a throttle for one request: allowed or denied, and the remaining quota of every limit.
///
/// A denial is a value, not an error.
///
/// As an argument of a handler with `#[throttle]`, it is the decision that admitted the request. With several
/// decisions, it is the one with the least remaining units. If throttles [degrade](crate::Settings::degrade),
/// it is the strictest of their [`Decisions`].
///
/// ```
/// use throttle::{Decision, throttle};
///
/// #[throttle(rate = "100/min")]
/// async fn items(decision: Decision) -> String {
///     format!("{} requests are left", decision.remaining().unwrap_or(u64::MAX))
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
/// ```
///
/// The attribute recognises the type by its name, `Decision`. Handlers without such an argument have no
/// additional cost. In two cases, the handler does not receive the real decision: with a key that is a
/// template over the arguments, and with a `ThrottleLayer` whose throttles do not degrade. The argument is
/// then an allowed decision with the reason [`DecisionReason::Bypassed`].
#[derive(Clone)]
#[must_use = "a decision can be a denial: check `is_allowed`"]
pub struct Decision {
    quotas: Quotas,
    reason: DecisionReason,
    /// The wait of a decision that no limit made, in microseconds. 0 if allowed.
    wait: u64,
}

impl Decision {
    /// Creates the decision of a backend.
    pub(crate) const fn by_backend(quotas: Quotas) -> Self {
        Self { quotas, reason: DecisionReason::Backend, wait: 0 }
    }

    /// Creates the decision of a backend on the only limit.
    #[inline]
    pub(crate) const fn by_one(quota: Quota) -> Self {
        Self::by_backend(Quotas::of_one(quota))
    }

    /// Combines decisions that all allow the request: the quotas of all of them, and the reason of the first
    /// one that no backend made.
    pub(crate) fn of_all(decisions: impl IntoIterator<Item = Self>) -> Self {
        let (mut quotas, mut reason) = (Quotas::new(), None);
        for decision in decisions {
            quotas.extend(decision.quotas());
            reason = reason.filter(|reason| *reason != DecisionReason::Backend).or(Some(decision.reason));
        }
        let reason = reason.unwrap_or(DecisionReason::Free);
        if quotas.is_empty() { Self::passed(reason) } else { Self::by_backend(quotas).by(reason) }
    }

    /// Returns the same decision with that reason.
    pub(crate) const fn by(mut self, reason: DecisionReason) -> Self {
        self.reason = reason;
        self
    }

    /// Creates a decision that allows the request without a call to a backend.
    pub(crate) const fn passed(reason: DecisionReason) -> Self {
        Self { quotas: Quotas::new(), reason, wait: 0 }
    }

    /// Creates a denial without a limit, because the backend failed or because the program denied the
    /// request.
    pub(crate) fn denied(wait: Duration, reason: DecisionReason) -> Self {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(NEVER - 1);
        Self { quotas: Quotas::new(), reason, wait: micros.clamp(1, NEVER - 1) }
    }

    /// Creates a denial without a limit, for which no wait helps or is known.
    pub(crate) const fn refused(reason: DecisionReason) -> Self {
        Self { quotas: Quotas::new(), reason, wait: NEVER }
    }

    /// Returns the decision of the dry-run mode: a denial becomes an admission.
    pub(crate) fn dry(self) -> Self {
        if self.is_throttled() { Self { reason: DecisionReason::DryRun, ..self } } else { self }
    }

    /// Returns whether the request is allowed.
    pub fn is_allowed(&self) -> bool {
        (self.quotas.fit() && self.wait == 0) || self.reason == DecisionReason::DryRun
    }

    /// Returns whether the request is denied.
    pub fn is_throttled(&self) -> bool {
        !self.is_allowed()
    }

    /// Returns whether the request costs more than a limit ever allows.
    pub fn is_never(&self) -> bool {
        self.wait() == NEVER
    }

    /// Returns the order of strictness. The greatest of several decisions is the one that the client must
    /// wait for.
    pub(crate) fn strictness(&self) -> (bool, bool, Option<Duration>) {
        (self.is_throttled(), self.is_never(), self.retry_after())
    }

    /// Returns how long a denied request must wait until all of its limits allow it, or `None` if it is
    /// allowed or never will be.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.wait() {
            0 | NEVER => None,
            wait => Some(Duration::from_micros(wait)),
        }
    }

    /// Returns one quota per limit, in the order in which the limits were written. It is empty if no backend
    /// was called.
    pub fn quotas(&self) -> &[Quota] {
        &self.quotas
    }

    /// Returns the tightest quota: the one with the longest wait, or else with the least remaining units.
    /// `None` if no backend was called.
    pub fn tightest(&self) -> Option<&Quota> {
        self.quotas().iter().min_by_key(|quota| (u64::MAX - quota.wait(), quota.remaining()))
    }

    /// Returns the units that still fit now, or `None` if no backend was called.
    pub fn remaining(&self) -> Option<u64> {
        self.quotas().iter().map(Quota::remaining).min()
    }

    /// Returns how long it takes until the whole of every limit is available again, or `None` if no backend
    /// was called.
    pub fn reset_after(&self) -> Option<Duration> {
        self.quotas().iter().map(Quota::reset_after).max()
    }

    /// Returns the reason for the decision.
    pub const fn reason(&self) -> DecisionReason {
        self.reason
    }

    fn wait(&self) -> u64 {
        if self.reason == DecisionReason::DryRun {
            return 0;
        }
        self.quotas().iter().map(Quota::wait).fold(self.wait, u64::max)
    }
}

impl PartialEq for Decision {
    fn eq(&self, other: &Self) -> bool {
        (self.quotas(), self.reason, self.wait) == (other.quotas(), other.reason, other.wait)
    }
}

impl Eq for Decision {}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("reason", &self.reason)
            .field("retry_after", &self.retry_after())
            .field("quotas", &self.quotas())
            .finish_non_exhaustive()
    }
}
