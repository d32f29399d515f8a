//! The input of a decision of a backend, and the answer.

use super::Attempt;
use crate::decision::{DecisionReason, Quotas};
use crate::key::Key;
use crate::rate::Rate;
use crate::strategy::{Arrival, Class, Strategy};
use crate::util::fingerprint::Domain;

/// The part of a decision that belongs to one throttle: the key that is charged, the cost, and the limits.
///
/// ```
/// use throttle::backend::{Backend, Charge, Memory, Mode};
/// use throttle::{Key, Rate, strategy::FixedWindow};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), throttle::BackendError> {
/// let (alice, rates) = (Key::new("alice"), [Rate::per_minute(10), Rate::per_day(500)]);
/// let charges = [Charge::new("exports", &alice, &FixedWindow, &rates, 3)];
/// let verdict = Memory::new().decide(&charges, Mode::Consume).await?;
/// assert_eq!((verdict.quotas[0].remaining(), verdict.quotas[1].remaining()), (7, 497));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Charge<'a> {
    /// The registry's namespace and the throttle's uid. Charges of different scopes never share a state.
    pub scope: &'a str,
    /// The key that is charged.
    pub key: &'a Key,
    /// The strategy that enforces the limits.
    pub strategy: &'a dyn Strategy,
    /// The limits. Each limit has one state.
    pub rates: &'a [Rate],
    /// The units to charge. With 0, the decision only reads the limits.
    pub cost: u64,
    /// The class of the caller.
    pub class: Class,
    /// The current load, as [`Strategy::load`] returns it.
    pub load: u64,
    /// The hash of everything that separates states: scope, strategy and periods.
    pub(crate) domain: Domain,
    /// Set for refunds only: the number of the last reset before the charge, if it is known.
    pub(crate) taken: Option<u64>,
    /// The attempt of the decision. `None` if the decision is not retried after a timeout.
    pub attempt: Option<&'a Attempt>,
}

impl<'a> Charge<'a> {
    /// Creates a charge by a caller without a class, under no load. It is meant for tests of backends.
    pub fn new(
        scope: &'a str,
        key: &'a Key,
        strategy: &'a dyn Strategy,
        rates: &'a [Rate],
        cost: u64,
    ) -> Self {
        let domain = Domain::new(scope, strategy.name(), rates);
        let class = Class::NONE;
        Self { scope, key, strategy, rates, cost, class, load: 0, domain, taken: None, attempt: None }
    }

    /// Returns the charge as the strategy receives it, for one of its limits.
    pub const fn arrival(&self, rate: Rate, cost: u64, now: u64) -> Arrival {
        Arrival::new(rate, cost, now).class(self.class).load(self.load)
    }
}

/// Whether a decision consumes units.
///
/// ```
/// use throttle::backend::{Backend, Charge, Memory, Mode};
/// use throttle::{Key, ManualClock, Rate, strategy::FixedWindow};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), throttle::BackendError> {
/// let memory = Memory::builder().clock(ManualClock::new()).build();
/// let (alice, rates) = (Key::new("alice"), [Rate::per_minute(10)]);
/// let charges = [Charge::new("exports", &alice, &FixedWindow, &rates, 3)];
/// let peeked = memory.decide(&charges, Mode::Peek).await?;
/// assert_eq!(memory.decide(&charges, Mode::Consume).await?, peeked);
/// assert_ne!(memory.decide(&charges, Mode::Consume).await?, peeked);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Charges the request if all limits allow it.
    Consume,
    /// Returns the decision that a charge would receive, and consumes nothing.
    Peek,
}

/// The result of a decision by a backend.
///
/// ```
/// use throttle::backend::Verdict;
/// use throttle::{Quota, Rate};
///
/// let verdict = Verdict::new(vec![Quota::allowed(Rate::per_second(5), 4)], 1_767_225_600_000_000);
/// assert_eq!(verdict.quotas.len(), 1);
/// assert!(!verdict.is_cached());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// One quota per limit: the limits of the first charge, then the limits of the second charge, and so on.
    /// The request is admitted if every limit allows it.
    pub quotas: Quotas,
    /// The backend's time of the decision, in microseconds since the Unix epoch.
    pub at: u64,
    cached: bool,
}

impl Verdict {
    /// Creates a verdict with one quota per limit, in the order of the limits. `at` is in microseconds since
    /// the Unix epoch.
    pub fn new(quotas: impl Into<Quotas>, at: u64) -> Self {
        Self { quotas: quotas.into(), at, cached: false }
    }

    /// Marks the verdict as cached: it follows from an earlier reply of the store, and the store was not
    /// called again.
    ///
    /// ```
    /// use throttle::backend::Verdict;
    /// use throttle::{Quota, Rate};
    ///
    /// let denied = Verdict::new(vec![Quota::denied(Rate::per_second(5), 0, 200_000)], 1_767_225_600_000_000);
    /// assert!(denied.cached().is_cached());
    /// ```
    #[must_use]
    pub const fn cached(mut self) -> Self {
        self.cached = true;
        self
    }

    /// Returns the source of a decision that the throttle's own backend made.
    pub(crate) const fn reason(&self) -> DecisionReason {
        if self.cached { DecisionReason::Cached } else { DecisionReason::Backend }
    }

    /// Returns whether the verdict follows from an earlier reply of the store, without another call to the
    /// store.
    pub const fn is_cached(&self) -> bool {
        self.cached
    }
}
