//! Decisions that need neither a function nor time.

use super::once_per_request::Reached;
use crate::backend::Mode;
use crate::config::resolver::RequestContext;
use crate::config::rule;
use crate::throttle::counters::Event;
use crate::throttle::policy_history::ActivePolicy;
use crate::{Hit, Identity, Key, Quota, Throttle};

/// The result of a decision that called no function and did not wait.
pub(crate) enum AtOnce<'t> {
    /// A rule excludes the request.
    Excluded,
    /// The decision, with the policy that made it.
    Decided(ActivePolicy<'t>, Quota),
}

/// Returns the decision of a function's only throttle, if the decision needs neither a function nor time; see
/// [`FastPath`](crate::backend::FastPath).
///
/// `keep` receives the key that the request was counted under.
pub(crate) fn at_once<'t>(
    throttle: &'t Throttle,
    context: &RequestContext<'_>,
    keep: impl FnOnce(Key),
) -> Option<AtOnce<'t>> {
    let policy = throttle.policy();
    // Rules and key are read here only if the throttle can use this path, and only if it limits at all.
    let asks = policy.exempt.is_some() || policy.lists.is_some() || policy.charge_when.is_some();
    let goes = policy.fast_path.is_some() && !asks && policy.constant_cost.is_some_and(|cost| cost > 0);
    // A throttle that has decided about the request before uses the general path.
    let decides = throttle.is_enforced_and_unmarked()
        || throttle.is_enforced()
            && !(policy.once_per_request && Reached::has(&context.parts.extensions, throttle));
    if !(goes && decides) {
        return None;
    }
    if !rule::read(throttle.rules(&policy), context)? {
        throttle.count(Event::Skipped);
        return Some(AtOnce::Excluded);
    }
    let Identity::Key(key) = policy.key.read(context)? else { return None };
    let hit = Hit::from(&key);
    let hit = hit.fast()?;
    let attempt = throttle.attempt(&policy, hit, Mode::Consume);
    let quota = attempt.or_else(|| throttle.at_once(&policy, hit, Mode::Consume))?;
    if !quota.fits() {
        context.lookup.notices.of_undeclared_proxy(context.parts, &context.lookup.clients);
        tracing::debug!(target: "throttle", uid = throttle.uid(), retry_after = ?quota.retry_after(), "throttled");
    }
    keep(key);
    Some(AtOnce::Decided(policy, quota))
}
