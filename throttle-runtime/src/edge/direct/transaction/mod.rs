//! Transactions: charges that are collected during the work, and committed together when it has succeeded.

mod entry;
mod savepoint;

use smallvec::{SmallVec, smallvec};

use crate::decision::Decision;
use crate::error::BackendError;
use crate::hit::Hit;
use crate::pipeline::admission::Group;
use crate::throttle::Throttle;
use entry::{Entry, check, commit};
pub use savepoint::Savepoint;

impl Throttle {
    /// Opens a transaction. Charges to the transaction are charged to this throttle when the transaction is
    /// [committed](Transaction::commit). If the hit has a cost, it is the initial charge of the transaction.
    ///
    /// ```
    /// use throttle::{Registry, Settings};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let reports = Registry::default().create("reports", Settings::new().rate("3/hour"))?;
    /// let mut transaction = reports.transaction("alice");
    /// transaction.charge(2);
    /// transaction.charge(1);
    /// assert_eq!(reports.quotas("alice").await?.remaining(), Some(3));
    /// assert!(transaction.commit().await?.is_allowed());
    /// assert_eq!(reports.quotas("alice").await?.remaining(), Some(0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn transaction<'h>(&self, hit: impl Into<Hit<'h>>) -> Transaction {
        Transaction { entries: smallvec![Entry::new(self, hit.into())], charged: 0 }
    }
}

/// A transaction: charges that are collected while work goes on. No backend is called until the transaction is
/// [committed](Self::commit), which makes all charges together. A transaction that is dropped, for example after an
/// error, charges nothing.
///
/// ```
/// use throttle::{BackendError, Throttle};
///
/// /// Charges one unit per item. An order with an invalid item charges nothing.
/// async fn order(orders: &Throttle, user: &str, items: &[&str]) -> Result<bool, BackendError> {
///     let mut transaction = orders.transaction(user);
///     for item in items {
///         if item.is_empty() {
///             transaction.rollback();
///             return Ok(false);
///         }
///         transaction.charge(1);
///     }
///     Ok(transaction.commit().await?.is_allowed())
/// }
/// # let _ = order;
/// ```
///
/// `commit` and `rollback` consume the transaction, so a later use does not compile.
///
/// ```compile_fail,E0382
/// # async fn late(mut transaction: throttle::Transaction) -> Result<(), throttle::BackendError> {
/// transaction.commit().await?;
/// transaction.charge(1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a transaction that is dropped charges nothing: `commit` it"]
pub struct Transaction {
    entries: SmallVec<[Entry; 1]>,
    charged: u64,
}

/// Whether the charges of a transaction are atomic. [`Transaction::atomicity`] returns it.
///
/// ```
/// use throttle::{Atomicity, Settings, backend::Memory, registry};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), throttle::ConfigError> {
/// let registry = registry().backend("other", Memory::new()).build().await?;
/// let users = registry.create("users", Settings::new().rate("10/hour"))?;
/// let teams = registry.create("teams", Settings::new().rate("15/hour").backend("other"))?;
/// assert_eq!(users.transaction("alice").atomicity(), Atomicity::Atomic);
/// assert_eq!(users.transaction("alice").and(&teams, "red").atomicity(), Atomicity::Sequential);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Atomicity {
    /// All throttles share a backend, and one decision charges all of them or none.
    ///
    /// If the backend consists of several nodes or servers, and one of them fails in between, a part may be
    /// charged. If the backend fails, throttles with different `on_error` settings are decided separately.
    Atomic,
    /// The throttles have several backends, which are called in sequence. If a later backend denies or fails,
    /// the earlier charges are refunded, as far as their strategies allow. Other requests may have been
    /// denied meanwhile. If the commit future is dropped in between, the earlier charges stay.
    Sequential,
}

impl Transaction {
    /// Adds a throttle, to which the transaction is charged too. A cost of the hit applies to that throttle alone.
    ///
    /// ```
    /// use throttle::{Atomicity, Registry, Settings};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let registry = Registry::default();
    /// let users = registry.create("users", Settings::new().rate("10/hour"))?;
    /// let teams = registry.create("teams", Settings::new().rate("15/hour"))?;
    /// let mut transaction = users.transaction("alice").and(&teams, "red");
    /// transaction.charge(10);
    /// assert_eq!(transaction.atomicity(), Atomicity::Atomic);
    /// assert!(transaction.commit().await?.is_allowed());
    ///
    /// let mut transaction = users.transaction("bob").and(&teams, "red");
    /// transaction.charge(6);
    /// assert!(transaction.commit().await?.is_throttled());
    /// assert_eq!(users.quotas("bob").await?.remaining(), Some(10));
    /// # Ok(())
    /// # }
    /// ```
    pub fn and<'h>(mut self, throttle: &Throttle, hit: impl Into<Hit<'h>>) -> Self {
        self.entries.push(Entry::new(throttle, hit.into()));
        self
    }

    /// Adds a charge, to be made by the commit. The sum saturates at `u64::MAX`.
    pub const fn charge(&mut self, cost: u64) {
        self.charged = self.charged.saturating_add(cost);
    }

    /// Returns the units that were charged to the transaction, without the initial costs of the hits.
    pub const fn charged(&self) -> u64 {
        self.charged
    }

    /// Returns how the charges of several throttles will be made, as long as their settings do not change.
    pub fn atomicity(&self) -> Atomicity {
        let policies: Vec<_> = self.entries.iter().map(|entry| entry.throttle.policy_and_dry()).collect();
        let groups = || policies.iter().map(|(policy, dry)| Group { policy, is_alone: *dry });
        let apart = groups().any(|group| !groups().all(|other| group.shares_a_backend(other)));
        if apart && self.entries.len() > 1 { Atomicity::Sequential } else { Atomicity::Atomic }
    }

    /// Returns the decision that a [`commit`](Self::commit) would receive now. Charges nothing, and is not
    /// counted.
    ///
    /// # Errors
    ///
    /// Like [`Throttle::hit`].
    pub async fn peek(&self) -> Result<Decision, BackendError> {
        check(&self.entries, self.charged).await
    }

    /// Charges everything, if it fits all limits of all throttles. Otherwise, it charges nothing.
    ///
    /// An allowed decision contains the quotas of all throttles, in their order. A denial is the decision of
    /// the throttle with the longest wait.
    ///
    /// # Errors
    ///
    /// Like [`Throttle::hit`]. Earlier charges of this commit are refunded. The failed call itself may have
    /// charged something unless [`BackendError::is_safe_to_retry`] returns `true`.
    pub async fn commit(self) -> Result<Decision, BackendError> {
        commit(&self.entries, self.charged).await
    }

    /// Discards the transaction. It charges nothing, as if it were dropped.
    pub fn rollback(self) {}

    /// Opens a part of the work that may fail by itself. Its charges are added to this transaction if the part is
    /// [committed](Savepoint::commit).
    ///
    /// ```
    /// use throttle::{Registry, Settings};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let reports = Registry::default().create("reports", Settings::new().rate("3/hour"))?;
    /// let mut transaction = reports.transaction("alice");
    /// transaction.charge(1);
    /// let mut chart = transaction.savepoint();
    /// chart.charge(2);
    /// chart.rollback(); // it could not be drawn
    /// assert_eq!(transaction.charged(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn savepoint(&mut self) -> Savepoint<'_> {
        Savepoint::new(&self.entries, 0, &mut self.charged)
    }
}
