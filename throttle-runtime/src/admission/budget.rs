//! The time that a decision has before its next stage is taken.

use std::time::Duration;

use tokio::time::Instant;

use crate::policy::Policy;

/// When there is no time left for attempts and for the waits between them; `None` where there is but one attempt, which
/// has its deadline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget(Option<Instant>);

impl Budget {
    /// That of the policy that has the most.
    pub(super) fn of<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Self {
        let tried = policies.into_iter().filter(|policy| policy.rescue.is_some());
        // What is longer than the clock can say is as good as no end.
        Self(tried.map(|policy| policy.budget).max().and_then(|most| Instant::now().checked_add(most)))
    }

    pub(super) fn left(self) -> Duration {
        self.0.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
    }
}
