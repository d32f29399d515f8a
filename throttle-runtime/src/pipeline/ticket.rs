//! One throttle's part in the decision about a request.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use crate::backend::Charge;
use crate::config::policy::Policy;
use crate::decision::{Decision, DecisionReason};
use crate::error::BackendError;
use crate::key::Key;
use crate::rate::{Rate, Rates};
use crate::resilience::Share;
use crate::strategy::Class;
use crate::throttle::Throttle;
use crate::util::fingerprint::Domain;

/// The resolved key, limits, cost and class of a request, for one throttle.
pub(crate) struct Terms {
    pub(crate) key: Key,
    pub(crate) rates: Rates,
    pub(crate) cost: u64,
    pub(crate) class: Class,
}

/// A throttle's prepared part of a decision: the identity, the limits and the cost. The whole decision uses
/// this one version of the policy.
pub(crate) struct Ticket<'a> {
    pub(crate) throttle: Cow<'a, Throttle>,
    pub(crate) policy: Arc<Policy>,
    /// Whether the decision is not enforced (dry-run mode).
    pub(crate) dry: bool,
    pub(crate) key: Key,
    pub(crate) rates: Rates,
    /// The units that this decision charges.
    pub(crate) cost: u64,
    /// The units that an earlier decision about the request charged, if there is one. The concurrency permit
    /// of `max_concurrent` is held since then.
    pub(crate) charged_before: Option<u64>,
    /// Whether the decision settles an earlier one, which was counted.
    pub(crate) settles: bool,
    pub(crate) class: Class,
    /// The backend's error, if the backend failed.
    pub(crate) error: OnceLock<BackendError>,
}

impl<'a> Ticket<'a> {
    pub(crate) fn new(
        throttle: Cow<'a, Throttle>,
        policy: Arc<Policy>,
        dry: bool,
        Terms { key, rates, cost, class }: Terms,
    ) -> Self {
        let (charged_before, settles, error) = (None, false, OnceLock::new());
        Self { throttle, policy, dry, key, rates, cost, charged_before, settles, class, error }
    }

    /// Whether a decision that fits, or does not fit, is counted as an outcome. Its reason is then counted, too.
    pub(super) const fn is_counted(&self, fits: bool) -> bool {
        !(self.settles || fits && self.charged_before.is_some())
    }

    /// Whether the ticket charges a rate. If not, its throttle limits concurrency only.
    pub(crate) fn is_charged(&self) -> bool {
        self.cost > 0 && !self.rates.is_unlimited()
    }

    /// The reason why the ticket charges no rate.
    pub(crate) fn uncharged(&self) -> DecisionReason {
        if self.rates.is_unlimited() { DecisionReason::Unlimited } else { DecisionReason::Free }
    }

    /// The time of this process, in microseconds. The usage of the fallback is recorded by this clock.
    pub(crate) fn now(&self) -> u64 {
        self.throttle.environment().lookup.clock.now()
    }

    /// Replaces a decision in dry-run mode by one that lets the request pass.
    pub(crate) fn enforced(
        &self,
        decision: Result<Decision, BackendError>,
    ) -> Result<Decision, BackendError> {
        if self.dry {
            Ok(decision.map_or_else(|_| Decision::passed(DecisionReason::AllowedOnError), Decision::dry))
        } else {
            decision
        }
    }

    pub(crate) fn charge(&self) -> Charge<'_> {
        self.charge_to(&self.rates)
    }

    /// The limits of the fallback: its share of the ticket's limits.
    pub(crate) fn share(&self) -> SmallVec<[Rate; 2]> {
        let standby = self.policy.recovery.as_ref().and_then(|recovery| recovery.standby.as_ref());
        standby.map_or(Share::WHOLE, |standby| standby.share).of(&self.rates)
    }

    /// The charge against other limits that have the same periods.
    pub(crate) fn charge_to<'c>(&'c self, rates: &'c [Rate]) -> Charge<'c> {
        let (scope, strategy) = (self.throttle.scope(), &*self.policy.strategy);
        let settled = self.policy.domain.filter(|_| self.policy.rates == Some(self.rates));
        let domain = settled.unwrap_or_else(|| Domain::new(scope, strategy.name(), rates));
        Charge {
            scope,
            key: &self.key,
            strategy,
            rates,
            cost: self.cost,
            class: self.class,
            load: self.policy.strategy.load(),
            domain,
            taken: None,
            attempt: None,
        }
    }
}
