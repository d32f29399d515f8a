//! The time that a decision has before its next stage is taken.

use std::time::Duration;

use tokio::time::Instant;

use super::Ticket;

/// The time that is left for attempts and for the waits between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget(Instant);

impl Budget {
    /// That of the ticket that has the most.
    pub(super) fn of(tickets: &[&Ticket<'_>]) -> Self {
        let budget = tickets.iter().map(|ticket| ticket.policy.budget).max().unwrap_or_default();
        let now = Instant::now();
        // What is longer than the clock can say is as good as no end.
        Self(now.checked_add(budget).unwrap_or_else(|| now + Duration::from_secs(86_400)))
    }

    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
