//! A nested part of a transaction, which may fail by itself.

use super::entry::{Entry, check};
use crate::decision::Decision;
use crate::error::BackendError;

/// A nested part of a [`Transaction`](super::Transaction). It charges nothing if it is dropped. While
/// it exists, the transaction or part that contains it cannot be used.
///
/// ```
/// use throttle::Savepoint;
///
/// /// Draws a chart, which costs 2 units, and a legend, which costs 1 unit if it could be drawn.
/// fn draw(mut chart: Savepoint<'_>, legend_fits: bool) {
///     chart.charge(2);
///     let mut legend = chart.savepoint();
///     legend.charge(1);
///     if legend_fits {
///         legend.commit();
///     }
///     chart.commit();
/// }
/// # let _ = draw;
/// ```
#[derive(Debug)]
#[must_use = "a part that is dropped charges nothing: `commit` it"]
pub struct Savepoint<'t> {
    entries: &'t [Entry],
    /// The units charged to the enclosing transaction and parts, without the direct parent.
    below: u64,
    /// The units charged to the direct parent.
    parent: &'t mut u64,
    charged: u64,
}

impl<'t> Savepoint<'t> {
    pub(super) const fn new(entries: &'t [Entry], below: u64, parent: &'t mut u64) -> Self {
        Self { entries, below, parent, charged: 0 }
    }

    /// Adds a charge to this part. The sum saturates at `u64::MAX`.
    pub const fn charge(&mut self, cost: u64) {
        self.charged = self.charged.saturating_add(cost);
    }

    /// Returns the units that were charged to this part.
    pub const fn charged(&self) -> u64 {
        self.charged
    }

    /// Returns the decision that the transaction would receive if this part, and all parts that contain it, were
    /// committed now.
    ///
    /// # Errors
    ///
    /// Like [`Transaction::peek`](super::Transaction::peek).
    pub async fn peek(&self) -> Result<Decision, BackendError> {
        check(self.entries, self.below.saturating_add(*self.parent).saturating_add(self.charged)).await
    }

    /// Adds the charge to the transaction or part that contains this part. No backend is called.
    pub const fn commit(self) {
        *self.parent = self.parent.saturating_add(self.charged);
    }

    /// Discards this part. It charges nothing, as if it were dropped.
    pub const fn rollback(self) {}

    /// Opens a part of this part.
    pub const fn savepoint(&mut self) -> Savepoint<'_> {
        let below = self.below.saturating_add(*self.parent);
        Savepoint::new(self.entries, below, &mut self.charged)
    }
}
