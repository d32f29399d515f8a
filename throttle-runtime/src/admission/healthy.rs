//! The rule: all breakers are closed, and nobody owes the backend anything.

use smallvec::SmallVec;

use super::Ticket;
use super::part::{Part, Parts};
use crate::Throttle;
use crate::backend::Verdict;
use crate::failure::Permit;
use crate::policy::Policy;

/// What the breakers of tickets said, ticket by ticket. It is all that has to be remembered until the backend answers:
/// tickets are sorted by what is tried for them when there is something to try.
pub(super) struct Healthy<'s>(SmallVec<[Option<Permit<'s>>; 1]>);

impl<'s> Healthy<'s> {
    /// `None` if there is more to do than to ask the backend.
    #[inline]
    pub(super) fn find(tickets: &[&'s Ticket<'_>]) -> Option<Self> {
        let mut permits = SmallVec::new();
        for ticket in tickets {
            permits.push(pass(&ticket.throttle, &ticket.policy).ok()?);
        }
        Some(Self(permits))
    }

    /// The backend has answered.
    #[inline]
    pub(super) fn answered(self, verdict: &Verdict) {
        self.0.into_iter().flatten().for_each(|permit| permit.answered(verdict));
    }

    /// The backend has failed: what there is to try.
    pub(super) fn into_parts(mut self, tickets: &'s [&'s Ticket<'_>]) -> Parts<'s> {
        let mut parts = Part::all(tickets);
        for part in &mut parts {
            part.permit = self.0[part.tickets[0]].take();
        }
        parts
    }
}

/// There is more to do than to ask the backend.
pub(super) struct Unwell;

/// What the breaker says to one request, if there is one.
#[inline]
pub(super) fn pass<'p>(throttle: &Throttle, policy: &'p Policy) -> Result<Option<Permit<'p>>, Unwell> {
    let breaker = policy.rescue.as_ref().and_then(|rescue| rescue.breaker.as_ref());
    if breaker.is_some() {
        throttle.common().share_breakers();
    }
    if policy.carry.as_ref().is_some_and(|carry| carry.is_owed()) {
        return Err(Unwell);
    }
    breaker.map(|breaker| breaker.pass().ok_or(Unwell)).transpose()
}
