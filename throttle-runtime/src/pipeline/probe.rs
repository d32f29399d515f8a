//! Probes a backend in the background, so that no request waits for the result.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::ticket::Ticket;
use crate::backend::deadline::within;
use crate::backend::{Charge, Mode, PermitRequest};
use crate::config::policy::Concurrency;
use crate::resilience::Permission;

/// Spawns a task that reads the quota of this ticket's identity. The read charges nothing.
pub(crate) fn in_background(ticket: &Ticket<'_>, permit: Permission<'_>) {
    // Without a runtime the permit is dropped, so that a later request inside a runtime can probe.
    let Ok(runtime) = Handle::try_current() else { return };
    let (policy, scope) = (Arc::clone(&ticket.policy), ticket.throttle.scope_shared().clone());
    let (key, rates, permit) = (ticket.key.clone(), ticket.rates, permit.into_owned());
    let is_charged = ticket.is_charged();
    runtime.spawn(async move {
        let backend = &*policy.primary.backend;
        let answer = match (policy.concurrency, backend.concurrency_store()) {
            (Some(Concurrency { permit_ttl: ttl, .. }), Some(store)) if !is_charged => {
                let place = PermitRequest { scope: &scope, key: &key, limit: 0, ttl };
                within(policy.timeout, store.try_acquire(&place)).await.map(|_| None)
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
