//! Decisions: the results of throttles, with the remaining quotas.

pub(crate) mod backlog;
mod decisions;
mod quota;
mod quotas;
mod reason;

use std::fmt;
use std::time::Duration;

#[cfg(feature = "axum")]
pub(crate) use decisions::Admitted;
pub use decisions::Decisions;
use quota::NEVER;
pub use quota::Quota;
pub use quotas::Quotas;
pub use reason::DecisionReason;

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
