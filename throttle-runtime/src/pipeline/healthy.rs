//! The normal case: all breakers are closed, and no usage has to be reconciled.

use smallvec::SmallVec;

use super::breaker_gate::{TicketGroup, TicketGroups};
use super::ticket::Ticket;
use crate::backend::Verdict;
use crate::config::policy::Policy;
use crate::resilience::Permission;
use crate::throttle::Throttle;

/// The permits of the tickets' breakers, ticket by ticket. This is all that has to be stored until the
/// backend answers. Tickets are only grouped into groups if the call fails.
pub(crate) struct Healthy<'s>(SmallVec<[Option<Permission<'s>>; 1]>);

impl<'s> Healthy<'s> {
    /// Returns `None` if calling the backend is not all that has to be done.
    #[inline]
    pub(crate) fn find(tickets: &[&'s Ticket<'_>]) -> Option<Self> {
        let mut permits = SmallVec::new();
        for ticket in tickets {
            permits.push(pass(&ticket.throttle, &ticket.policy).ok()?);
        }
        Some(Self(permits))
    }

    /// Records that the backend has answered.
    #[inline]
    pub(crate) fn answered(self, verdict: &Verdict) {
        self.0.into_iter().flatten().for_each(|permit| permit.answered(verdict));
    }

    /// Groups the tickets after the backend failed, with their permits.
    pub(crate) fn into_groups(mut self, tickets: &'s [&'s Ticket<'_>]) -> TicketGroups<'s> {
        let mut groups = TicketGroup::all(tickets);
        for group in &mut groups {
            group.permit = self.0[group.tickets[0]].take();
        }
        groups
    }
}

/// Calling the backend is not all that has to be done.
pub(crate) struct Unwell;

/// Returns the breaker's permit for one request, or `None` if there is no breaker.
#[inline]
pub(crate) fn pass<'p>(throttle: &Throttle, policy: &'p Policy) -> Result<Option<Permission<'p>>, Unwell> {
    let breaker = policy.recovery.as_ref().and_then(|recovery| recovery.breaker.as_ref());
    if breaker.is_some() {
        throttle.environment().share_breakers();
    }
    if policy.reconciler.as_ref().is_some_and(|reconciler| reconciler.is_owed()) {
        return Err(Unwell);
    }
    breaker.map(|breaker| breaker.pass().ok_or(Unwell)).transpose()
}
