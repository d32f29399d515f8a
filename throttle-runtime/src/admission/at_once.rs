//! Decisions that need neither a function nor time.

use super::reached::Reached;
use crate::backend::Mode;
use crate::counters::Event;
use crate::plug::Head;
use crate::versions::InForce;
use crate::{Hit, Identity, Key, Quota, Throttle, rule};

/// What is known about a request without asking a function or waiting.
pub(crate) enum AtOnce<'t> {
    /// A rule excludes it.
    Excluded,
    /// By that policy.
    Decided(InForce<'t>, Quota),
}

/// The decision of the only throttle of a function, if it needs neither a function nor time; see
/// [`Short`](crate::backend::Short).
///
/// `keep` receives the key that the request was counted under.
pub(crate) fn at_once<'t>(
    throttle: &'t Throttle,
    head: &Head<'_>,
    keep: impl FnOnce(Key),
) -> Option<AtOnce<'t>> {
    let policy = throttle.policy();
    // Only a throttle that goes this way has its rules and its key read here, and only one that limits.
    let asks = policy.exempt.is_some() || policy.lists.is_some() || policy.charge_when.is_some();
    let goes = policy.short.is_some() && !asks && policy.units.is_some_and(|units| units > 0);
    // One that has decided about the request before does not decide here.
    let decides = throttle.is_in_force_and_unmarked()
        || throttle.is_in_force()
            && !(policy.once_per_request && Reached::has(&head.parts.extensions, throttle));
    if !(goes && decides) {
        return None;
    }
    if !rule::read(throttle.rules(&policy), head)? {
        throttle.count(Event::Skipped);
        return Some(AtOnce::Excluded);
    }
    let Identity::Key(key) = policy.key.read(head)? else { return None };
    let hit = Hit::from(&key);
    let hit = hit.brief()?;
    let attempt = throttle.attempt(&policy, hit, Mode::Take);
    let quota = attempt.or_else(|| throttle.at_once(&policy, hit, Mode::Take))?;
    if !quota.fits() {
        head.common.notices.of_undeclared_proxy(head.parts, &head.common.clients);
        tracing::debug!(target: "throttle", uid = throttle.uid(), retry_after = ?quota.retry_after(), "throttled");
    }
    keep(key);
    Some(AtOnce::Decided(policy, quota))
}
