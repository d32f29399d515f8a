//! What was decided, and how much is left.

mod decisions;
mod quotas;

use std::fmt;
use std::time::Duration;

#[cfg(feature = "axum")]
pub(crate) use self::decisions::Admitted;
pub use self::decisions::Decisions;
pub use self::quotas::Quotas;
use crate::Rate;
use crate::strategy::Backlog;

/// What one limit says about one request.
///
/// All times are exact to the microsecond and count from the moment of the decision.
#[derive(Clone, Copy)]
pub struct Quota {
    rate: Rate,
    /// 0 if the request fits, or else how long it has to wait: in microseconds, or ticks of a backlog.
    wait: u64,
    /// What is left, or the backlog.
    left: u64,
    /// When there is more, or the capacity of the backlog.
    next_after: u64,
    /// When everything is back, or [`BACKLOG`].
    reset_after: u64,
}

/// A wait without end.
const NEVER: u64 = u64::MAX;

/// Marks a quota as a backlog, whose numbers are worked out when they are read. One word more or an enum would
/// be clearer, but a decision is moved through memory by its words, and that is a third of what it costs.
const BACKLOG: u64 = u64::MAX;

impl Quota {
    /// The request fits, and `remaining` units are left after it.
    pub const fn allowed(rate: Rate, remaining: u64) -> Self {
        Self { rate, wait: 0, left: remaining, next_after: 0, reset_after: 0 }
    }

    /// The request fits after `wait` microseconds (at least 1), if nothing else comes.
    pub const fn denied(rate: Rate, remaining: u64, wait: u64) -> Self {
        let wait = if wait == 0 { 1 } else { wait };
        Self { wait, ..Self::allowed(rate, remaining) }
    }

    /// The request costs more than this limit can ever hold.
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

    /// The same with its times, in microseconds: see [`next_after`](Self::next_after) and
    /// [`reset_after`](Self::reset_after).
    #[must_use]
    #[inline]
    pub const fn with_times(self, next_after: u64, reset_after: u64) -> Self {
        let reset_after = if reset_after == BACKLOG { BACKLOG - 1 } else { reset_after };
        Self { next_after, reset_after, ..self }
    }

    /// The same quota of a limit that is at present `units` for this client.
    ///
    /// For a strategy whose limit depends on more than the rate, such as the tier of the client or the time of day.
    #[must_use]
    pub const fn with_limit(self, units: u64) -> Self {
        Self { rate: self.rate.with_limit(units), ..self }
    }

    /// The limit that applies to this client at present.
    ///
    /// The period is that of the configured rate. The number of units is what the strategy makes of the configured
    /// number: the limit of the client's tier, of the hour, or under the present load, with what was rolled over. A
    /// burst or a debt allowance above the configured number takes its place, so [`remaining`](Self::remaining) is
    /// never greater. Headers contain this number as `q` and `X-RateLimit-Limit`.
    pub const fn rate(&self) -> Rate {
        let most = match self.backlog() {
            Some(backlog) => backlog.most(self.rate),
            None => self.left,
        };
        if most > self.rate.limit() { self.rate.with_limit(most) } else { self.rate }
    }

    /// Whether [`rate`](Self::rate) has that limit, without a division.
    pub(crate) const fn is_limited_to(&self, units: u64) -> bool {
        match self.backlog() {
            Some(backlog) => backlog.holds(units, self.rate),
            None => self.rate.limit() == units && self.left <= units,
        }
    }

    /// Whether this is an answer about that configured rate. The limit is not compared, as it is the strategy's to say.
    pub(crate) const fn is_of(&self, rate: &Rate) -> bool {
        self.rate.period_micros() == rate.period_micros()
    }

    /// Units that would still fit right now, after this request if it was allowed.
    pub const fn remaining(&self) -> u64 {
        match self.backlog() {
            Some(backlog) => backlog.remaining(self.rate),
            None => self.left,
        }
    }

    /// Whether the request fits this limit.
    pub const fn fits(&self) -> bool {
        self.wait == 0
    }

    /// Whether the request costs more than this limit can ever hold, so that no wait helps.
    pub const fn is_never(&self) -> bool {
        self.wait == NEVER
    }

    /// How long the request has to wait to fit; `None` if it fits, or never will.
    pub const fn retry_after(&self) -> Option<Duration> {
        if self.fits() || self.is_never() { None } else { Some(Duration::from_micros(self.wait())) }
    }

    /// How long [`remaining`](Self::remaining) stays what it is if nothing else comes: the effective window
    /// of the `RateLimit` header field.
    pub fn next_after(&self) -> Duration {
        let backlog = self.backlog();
        Duration::from_micros(backlog.map_or(self.next_after, |backlog| backlog.next_after(self.rate)))
    }

    /// How long until the whole allowance is back if nothing else comes.
    pub const fn reset_after(&self) -> Duration {
        Duration::from_micros(match self.backlog() {
            Some(backlog) => backlog.reset_after(self.rate),
            None => self.reset_after,
        })
    }

    /// Whether it waits less than that: in microseconds, or ticks of a backlog.
    #[inline]
    pub(crate) const fn waits_less_than(&self, wait: u64) -> bool {
        self.wait < wait
    }

    /// In microseconds.
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
        let said = |quota: &Self| {
            (quota.rate(), quota.remaining(), quota.wait(), quota.next_after(), quota.reset_after())
        };
        said(self) == said(other)
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

/// Where a [`Decision`] came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u64)] // A decision without padding is moved in whole words.
pub enum Source {
    /// The backend decided.
    Backend,
    /// What the backend had said before decided, without asking it again: it denied the same client a moment ago.
    Cached,
    /// The backend failed and another one decided: see [`fallback`](crate::fallback).
    Fallback,
    /// The backend was not asked, as its [circuit breaker](crate::CircuitBreaker) is open, and another one decided.
    BreakerOpen,
    /// Not asked: the throttle, or all of them, are switched off.
    Disabled,
    /// Not asked: the caller is exempt.
    Exempt,
    /// Not asked: the throttle's [rules](crate::Rule) are not about this request.
    Bypassed,
    /// Not asked: the rate is [`Rate::UNLIMITED`].
    Unlimited,
    /// Not asked: the cost is 0.
    Free,
    /// The backend failed and the policy let the request pass.
    AllowedOnError,
    /// The backend failed and the policy throttled the request.
    ThrottledOnError,
    /// The backend decided to deny, or failed, but the throttle runs dry: the request passes.
    DryRun,
    /// The limit on what is in flight decided: [`Settings::concurrent`](crate::Settings::concurrent). As many requests
    /// as may be at once are, or one of a throttle without a rate had a place.
    Concurrency,
    /// The program denied the request itself: [`Throttled::new`](crate::Throttled::new).
    Program,
    /// The client is on the throttle's [`deny`](crate::Settings::deny) list: status 403.
    Forbidden,
}

/// The answer of a throttle to one request: allowed or denied, and what every limit has left.
///
/// A denial is data, not an error.
///
/// As an argument of a handler with `#[throttle]` it is the decision that admitted the request: the one with the least
/// left, if there are several. If throttles [degrade](crate::Settings::degrade), it is the strictest of their
/// [`Decisions`].
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
/// The attribute recognises the type by its name, `Decision`. Handlers without it pay nothing for it. With a key that is a
/// template over the arguments, and with a `ThrottleLayer` whose throttles do not degrade, no decision is known to the
/// handler: the argument is an allowed decision with the source [`Source::Bypassed`].
#[derive(Clone)]
pub struct Decision {
    quotas: Quotas,
    source: Source,
    /// The wait of a decision that no limit made, in microseconds; 0 if allowed.
    wait: u64,
}

impl Decision {
    /// What the backend decided.
    pub(crate) const fn by_backend(quotas: Quotas) -> Self {
        Self { quotas, source: Source::Backend, wait: 0 }
    }

    /// What the backend decided about the only limit.
    #[inline]
    pub(crate) const fn by_one(quota: Quota) -> Self {
        Self::by_backend(Quotas::of_one(quota))
    }

    /// All of these, which allow: what each limit has left, by the source of the first that no backend made.
    pub(crate) fn of_all(decisions: impl IntoIterator<Item = Self>) -> Self {
        let (mut quotas, mut source) = (Quotas::new(), None);
        for decision in decisions {
            quotas.extend(decision.quotas());
            source = source.filter(|source| *source != Source::Backend).or(Some(decision.source));
        }
        let source = source.unwrap_or(Source::Free);
        if quotas.is_empty() { Self::passed(source) } else { Self::by_backend(quotas).by(source) }
    }

    /// The same decision by that source.
    pub(crate) const fn by(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    /// Allowed without asking the backend.
    pub(crate) const fn passed(source: Source) -> Self {
        Self { quotas: Quotas::new(), source, wait: 0 }
    }

    /// Denied without a limit: because the backend failed, or because the program says so.
    pub(crate) fn denied(wait: Duration, source: Source) -> Self {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(NEVER - 1);
        Self { quotas: Quotas::new(), source, wait: micros.clamp(1, NEVER - 1) }
    }

    /// Denied without a limit, and no wait helps or is known.
    pub(crate) const fn refused(source: Source) -> Self {
        Self { quotas: Quotas::new(), source, wait: NEVER }
    }

    /// The decision of a dry run: a denial passes.
    pub(crate) fn dry(self) -> Self {
        if self.is_throttled() { Self { source: Source::DryRun, ..self } } else { self }
    }

    /// Whether the request may go on.
    pub fn is_allowed(&self) -> bool {
        (self.quotas.fit() && self.wait == 0) || self.source == Source::DryRun
    }

    /// Whether the request was denied.
    pub fn is_throttled(&self) -> bool {
        !self.is_allowed()
    }

    /// Whether the request costs more than a limit can ever hold.
    pub fn is_never(&self) -> bool {
        self.wait() == NEVER
    }

    /// By this the greatest of several decisions is the one that a client has to wait for.
    pub(crate) fn strictness(&self) -> (bool, bool, Option<Duration>) {
        (self.is_throttled(), self.is_never(), self.retry_after())
    }

    /// How long a denied request has to wait, until the last of its limits has room for it; `None` if it
    /// was allowed, or never will be.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.wait() {
            0 | NEVER => None,
            wait => Some(Duration::from_micros(wait)),
        }
    }

    /// One quota per limit, in the order the limits were written; empty if the backend was not asked.
    pub fn quotas(&self) -> &[Quota] {
        &self.quotas
    }

    /// The quota with the least room left: the one that binds.
    pub fn tightest(&self) -> Option<&Quota> {
        self.quotas().iter().min_by_key(|quota| (u64::MAX - quota.wait(), quota.remaining()))
    }

    /// Units that would still fit right now; `None` if the backend was not asked.
    pub fn remaining(&self) -> Option<u64> {
        self.quotas().iter().map(Quota::remaining).min()
    }

    /// How long until the whole allowance of every limit is back; `None` if the backend was not asked.
    pub fn reset_after(&self) -> Option<Duration> {
        self.quotas().iter().map(Quota::reset_after).max()
    }

    /// Where the decision came from.
    pub const fn source(&self) -> Source {
        self.source
    }

    fn wait(&self) -> u64 {
        if self.source == Source::DryRun {
            return 0;
        }
        self.quotas().iter().map(Quota::wait).fold(self.wait, u64::max)
    }
}

impl PartialEq for Decision {
    fn eq(&self, other: &Self) -> bool {
        (self.quotas(), self.source, self.wait) == (other.quotas(), other.source, other.wait)
    }
}

impl Eq for Decision {}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("source", &self.source)
            .field("retry_after", &self.retry_after())
            .field("quotas", &self.quotas())
            .finish_non_exhaustive()
    }
}
