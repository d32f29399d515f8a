//! Groups of tickets that share retries, fallback and circuit breaker, and whether the breaker lets them call
//! the backend.

use std::sync::Arc;

use smallvec::SmallVec;
use tokio::runtime::Handle;

use super::backend_call::Budget;
use super::ticket::Ticket;
use crate::backend::deadline::within;
use crate::backend::{Charge, Mode, PermitRequest};
use crate::config::policy::Concurrency;
use crate::decision::DecisionReason;
use crate::error::BackendError;
use crate::resilience::{Breaker, Entry, Permission, ResolvedRecovery};

/// Tickets that share retries, fallback and circuit breaker, by index.
pub(crate) struct TicketGroup<'s> {
    pub(crate) tickets: SmallVec<[usize; 1]>,
    pub(crate) recovery: Option<&'s ResolvedRecovery>,
    pub(crate) permit: Option<Permission<'s>>,
    /// Whether the tickets probe a backend whose breaker is half-open. A probe is not retried, because other
    /// requests depend on its result.
    pub(crate) probes: bool,
}

pub(crate) type TicketGroups<'s> = SmallVec<[TicketGroup<'s>; 1]>;

/// Groups that the fallback decides, with the reason.
pub(crate) type FallbackGroups<'s> = SmallVec<[(TicketGroup<'s>, DecisionReason); 1]>;

impl<'s> TicketGroup<'s> {
    /// The group of one ticket, by index.
    pub(crate) fn of(index: usize, ticket: &'s Ticket<'_>) -> Self {
        let recovery = ticket.policy.recovery.as_deref();
        Self { tickets: SmallVec::from([index]), recovery, permit: None, probes: false }
    }

    /// Groups the tickets by retries, fallback and circuit breaker.
    pub(crate) fn all(tickets: &'s [&'s Ticket<'_>]) -> TicketGroups<'s> {
        let mut groups = TicketGroups::new();
        for (index, ticket) in tickets.iter().enumerate() {
            let recovery = ticket.policy.recovery.as_deref();
            let same = |group: &&mut TicketGroup<'_>| match (group.recovery, recovery) {
                (Some(one), Some(other)) => one.goes_with(other),
                (one, other) => one.is_none() && other.is_none(),
            };
            if let Some(group) = groups.iter_mut().find(same) {
                group.tickets.push(index);
            } else {
                groups.push(Self::of(index, ticket));
            }
        }
        groups
    }

    /// Waits until the backend may be called again. `error` is the error of the last attempt, and `attempts`
    /// is the number of attempts so far. `is_recognised` tells whether the backend recognises a charge that
    /// it has already made.
    ///
    /// Returns `false` without a retry if a client could be charged twice, if no time is left, or if the
    /// breaker has changed meanwhile.
    pub(crate) async fn tries_again(
        &self,
        attempts: u32,
        error: &BackendError,
        is_recognised: bool,
        budget: Budget,
    ) -> bool {
        let retry = self.recovery.and_then(|recovery| recovery.retry.as_ref()).filter(|_| !self.probes);
        let Some(retry) = retry.filter(|retry| attempts <= retry.max && retry.applies(error, is_recognised))
        else {
            return false;
        };
        let wait = retry.wait(attempts - 1);
        if wait >= budget.left() {
            return false;
        }
        tokio::time::sleep(wait).await;
        !self.permit.as_ref().is_some_and(Permission::is_stale)
    }

    /// The groups that may call the backend, and the groups that may not.
    pub(crate) fn enter_breakers(tickets: &'s [&'s Ticket<'_>]) -> (TicketGroups<'s>, FallbackGroups<'s>) {
        let (mut by_primary, mut by_fallback) = (TicketGroups::new(), FallbackGroups::new());
        for group in Self::all(tickets) {
            let (first, breaker) =
                (tickets[group.tickets[0]], group.recovery.and_then(|recovery| recovery.breaker.as_ref()));
            if breaker.is_some() {
                first.throttle.environment().share_breakers();
            }
            match breaker.map(Breaker::enter) {
                Some(Entry::Refused) => by_fallback.push((group, DecisionReason::BreakerOpen)),
                Some(Entry::Probe(permit)) if first.throttle.environment().probes_in_background => {
                    probe_in_background(first, permit);
                    by_fallback.push((group, DecisionReason::BreakerOpen));
                }
                Some(Entry::Probe(permit)) => {
                    by_primary.push(TicketGroup { permit: Some(permit), probes: true, ..group });
                }
                Some(Entry::Pass(permit)) => by_primary.push(TicketGroup { permit: Some(permit), ..group }),
                None => by_primary.push(group),
            }
        }
        (by_primary, by_fallback)
    }
}

/// Probes the backend in a task of its own, so that no request waits for the result. The task reads the quota of
/// this ticket's identity. The read charges nothing.
fn probe_in_background(ticket: &Ticket<'_>, permit: Permission<'_>) {
    // Without a runtime the permit is dropped, so that a later request inside a runtime can probe.
    let Ok(runtime) = Handle::try_current() else { return };
    let (policy, scope) = (Arc::clone(&ticket.policy), ticket.throttle.scope_shared().clone());
    let (key, rates, permit) = (ticket.key.clone(), ticket.rates, permit.into_owned());
    let is_charged = ticket.is_charged();
    runtime.spawn(async move {
        let backend = &*policy.primary.backend;
        let answer = match (policy.concurrency, backend.concurrency_store()) {
            (Some(Concurrency { permit_ttl: ttl, .. }), Some(store)) if !is_charged => {
                let request = PermitRequest { scope: &scope, key: &key, limit: 0, ttl };
                within(policy.timeout, store.try_acquire(&request)).await.map(|_| None)
            }
            _ => {
                let charge = [Charge::new(&scope, &key, &*policy.strategy, &rates, 0)];
                within(policy.timeout, backend.decide(&charge, Mode::Peek)).await.map(Some)
            }
        };
        match answer {
            Ok(Some(verdict)) => permit.answered(&verdict),
            Ok(None) => permit.succeeded(),
            Err(error) => permit.failed_by(&error),
        }
    });
}
