//! The time budget of a decision for attempts at the backend.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::policy::Policy;

/// The end of the time budget for attempts and for the waits between them. `None` if there is only one
/// attempt, which has its own timeout.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget(Option<Instant>);

impl Budget {
    /// The longest time budget of these policies.
    pub(crate) fn of<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Self {
        let tried = policies.into_iter().filter(|policy| policy.recovery.is_some());
        // A time budget that is longer than the clock can represent counts as unlimited.
        Self(tried.map(|policy| policy.total_timeout).max().and_then(|most| Instant::now().checked_add(most)))
    }

    pub(crate) fn left(self) -> Duration {
        self.0.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
    }
}
