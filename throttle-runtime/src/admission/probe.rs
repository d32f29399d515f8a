//! Asking a backend whether it is back, without a request that waits for the answer.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Ticket, within};
use crate::backend::{Charge, Mode};
use crate::failure::Permit;

/// Asks in a task of its own what would be left to the client of this ticket, which takes nothing.
pub(super) fn in_background(ticket: &Ticket<'_>, permit: Permit<'_>) {
    // Without a runtime the place is free again, for who has one.
    let Ok(runtime) = Handle::try_current() else { return };
    let (policy, scope) = (Arc::clone(&ticket.policy), ticket.throttle.scope_shared().clone());
    let (key, rates, permit) = (ticket.key.clone(), ticket.rates, permit.into_owned());
    runtime.spawn(async move {
        let charge = [Charge::new(&scope, &key, policy.strategy, &rates, 0)];
        let answer = within(policy.deadline, policy.primary.backend.decide(&charge, Mode::Peek)).await;
        if answer.is_ok() { permit.succeeded() } else { permit.failed() }
    });
}
