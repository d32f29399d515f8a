//! Decisions that need neither a function nor time.

use std::net::IpAddr;

use super::once_per_request::Reached;
use crate::backend::Mode;
use crate::config::resolver::RequestContext;
use crate::config::rule;
use crate::decision::Quota;
use crate::hit::FastHit;
use crate::key::{Identity, Key, Parts};
use crate::throttle::Throttle;
use crate::throttle::counters::Event;
use crate::throttle::policy_history::ActivePolicy;

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
    // A throttle that has decided about the request before uses the general path.
    let decides = throttle.is_enforced_and_unmarked()
        || throttle.is_enforced()
            && !(policy.once_per_request && Reached::has(&context.parts.extensions, throttle));
    if !(policy.has_request_fast_path && decides) {
        return None;
    }
    if throttle.has_rules(&policy) && !rule::read(throttle.rules(&policy), context)? {
        throttle.count(Event::Skipped);
        return Some(AtOnce::Excluded);
    }
    let peer = if policy.keys_by_ip { context.lookup.ipv4_peer(context.parts) } else { None };
    let key = match peer {
        Some(peer) => FastKey::Octets(peer.octets()),
        None => match policy.key.read(context)? {
            Identity::Key(key) => FastKey::Key(key),
            Identity::Exempt => return None,
        },
    };
    let hit = FastHit { key: key.split(), cost: None };
    match throttle.attempt(&policy, hit, Mode::Consume) {
        Some(quota) => Some(decided((throttle, policy), quota, context, || keep(key.into_key()))),
        None => retried((throttle, policy), context, key, keep),
    }
}

/// Decides by the exact time, after other threads are done. Apart from [`at_once`], because a decision that two
/// calls may return would go through memory.
#[inline(never)]
fn retried<'t>(
    (throttle, policy): (&'t Throttle, ActivePolicy<'t>),
    context: &RequestContext<'_>,
    key: FastKey,
    keep: impl FnOnce(Key),
) -> Option<AtOnce<'t>> {
    let hit = FastHit { key: key.split(), cost: None };
    let quota = throttle.at_once(&policy, hit, Mode::Consume)?;
    Some(decided((throttle, policy), quota, context, || keep(key.into_key())))
}

#[inline]
fn decided<'t>(
    (throttle, policy): (&'t Throttle, ActivePolicy<'t>),
    quota: Quota,
    context: &RequestContext<'_>,
    keep: impl FnOnce(),
) -> AtOnce<'t> {
    if !quota.fits() {
        context.lookup.notices.of_undeclared_proxy(context.parts, &context.lookup.clients);
        tracing::debug!(target: "throttle", uid = throttle.uid(), retry_after = ?quota.retry_after(), "throttled");
    }
    keep();
    AtOnce::Decided(policy, quota)
}

/// The key of a request. The address of a peer needs no [`Key`], which is larger.
enum FastKey {
    Octets([u8; 4]),
    Key(Key),
}

impl FastKey {
    #[inline]
    fn split(&self) -> Parts<'_> {
        match self {
            Self::Octets(octets) => (Some(4), octets),
            Self::Key(key) => key.split(),
        }
    }

    #[inline]
    fn into_key(self) -> Key {
        match self {
            Self::Octets(octets) => IpAddr::from(octets).into(),
            Self::Key(key) => key,
        }
    }
}
