//! A part of the work that may fail by itself.

use super::entry::{Entry, check};
use crate::{BackendError, Decision};

/// A part of what is charged to a [`Tab`](super::Tab), which charges nothing if it is dropped. The tab, or the part that
/// this is a part of, is not used meanwhile.
#[derive(Debug)]
#[must_use = "a part that is dropped charges nothing: `commit` it"]
pub struct Nested<'t> {
    entries: &'t [Entry],
    /// What those below have charged, without the one that this is a part of.
    below: u64,
    /// What that one has charged.
    parent: &'t mut u64,
    charged: u64,
}

impl<'t> Nested<'t> {
    pub(super) const fn new(entries: &'t [Entry], below: u64, parent: &'t mut u64) -> Self {
        Self { entries, below, parent, charged: 0 }
    }

    /// Adds a charge to this part.
    pub const fn charge(&mut self, cost: u64) {
        self.charged = self.charged.saturating_add(cost);
    }

    /// Units that were charged to this part.
    pub const fn charged(&self) -> u64 {
        self.charged
    }

    /// What the tab would be answered if this part, and those that it is a part of, were committed now.
    ///
    /// # Errors
    ///
    /// Like [`Tab::check`](super::Tab::check).
    pub async fn check(&self) -> Result<Decision, BackendError> {
        check(self.entries, self.below.saturating_add(*self.parent).saturating_add(self.charged)).await
    }

    /// Charges it to what it is a part of. No backend is asked.
    pub const fn commit(self) {
        *self.parent = self.parent.saturating_add(self.charged);
    }

    /// Charges nothing, as if it were dropped.
    pub const fn cancel(self) {}

    /// A part of this part.
    pub const fn nested(&mut self) -> Nested<'_> {
        let below = self.below.saturating_add(*self.parent);
        Nested::new(self.entries, below, &mut self.charged)
    }
}
