//! Charges that are collected while work goes on, and paid at once when it has succeeded.

mod entry;
mod nested;

use smallvec::{SmallVec, smallvec};

use self::entry::{Entry, check, commit};
pub use self::nested::Nested;
use crate::admission::share_a_backend;
use crate::{BackendError, Decision, Hit, Throttle};

impl Throttle {
    /// Opens a tab: what is charged to it is charged to this throttle when it is [committed](Tab::commit). A cost that the
    /// hit says is on it from the start.
    ///
    /// ```
    /// use throttle::{Registry, Settings};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let reports = Registry::default().create("reports", Settings::new().rate("3/hour"))?;
    /// let mut tab = reports.tab("alice");
    /// tab.charge(2);
    /// tab.charge(1);
    /// assert_eq!(reports.stat("alice").await?.remaining(), Some(3));
    /// assert!(tab.commit().await?.is_allowed());
    /// assert_eq!(reports.stat("alice").await?.remaining(), Some(0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn tab<'h>(&self, hit: impl Into<Hit<'h>>) -> Tab {
        Tab { entries: smallvec![Entry::new(self, hit.into())], charged: 0 }
    }
}

/// Charges that are collected while work goes on. Nothing is asked of a backend until they are
/// [committed](Self::commit), all at once; a tab that is dropped, as by an error on the way, charges nothing.
///
/// It is used up by its end, so a use after that does not compile.
///
/// ```compile_fail,E0382
/// # async fn late(mut tab: throttle::Tab) -> Result<(), throttle::BackendError> {
/// tab.commit().await?;
/// tab.charge(1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a tab that is dropped charges nothing: `commit` it"]
pub struct Tab {
    entries: SmallVec<[Entry; 1]>,
    charged: u64,
}

/// Whether the charges of a tab are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Atomicity {
    /// All throttles share a backend: one decision charges all of them or none, as that backend keeps its promise: over
    /// several nodes or servers a failure in between may leave a part. Throttles whose `on_error` differ go ways of
    /// their own if it fails.
    Together,
    /// The throttles are on several backends, which are asked in turn: if a later one denies or fails, what the earlier
    /// ones took is given back, as far as their strategies can. Others may have been denied meanwhile; and if the commit
    /// is dropped in between, what was taken stays taken.
    InTurn,
}

impl Tab {
    /// What is charged is charged to that throttle, too. A cost that the hit says is for that throttle alone.
    ///
    /// ```
    /// use throttle::{Atomicity, Registry, Settings};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let registry = Registry::default();
    /// let users = registry.create("users", Settings::new().rate("10/hour"))?;
    /// let teams = registry.create("teams", Settings::new().rate("15/hour"))?;
    /// let mut tab = users.tab("alice").and(&teams, "red");
    /// tab.charge(10);
    /// assert_eq!(tab.atomicity(), Atomicity::Together);
    /// assert!(tab.commit().await?.is_allowed());
    ///
    /// let mut tab = users.tab("bob").and(&teams, "red");
    /// tab.charge(6);
    /// assert!(tab.commit().await?.is_throttled());
    /// assert_eq!(users.stat("bob").await?.remaining(), Some(10));
    /// # Ok(())
    /// # }
    /// ```
    pub fn and<'h>(mut self, throttle: &Throttle, hit: impl Into<Hit<'h>>) -> Self {
        self.entries.push(Entry::new(throttle, hit.into()));
        self
    }

    /// Adds a charge, to be paid at the end. 0 adds nothing, and there is no sum above 64 bits.
    pub const fn charge(&mut self, cost: u64) {
        self.charged = self.charged.saturating_add(cost);
    }

    /// Units that were charged to the tab, without those that throttles have from the start.
    pub const fn charged(&self) -> u64 {
        self.charged
    }

    /// How the charges of several throttles will be made, as long as their settings stay.
    pub fn atomicity(&self) -> Atomicity {
        let policies: Vec<_> = self.entries.iter().map(|entry| entry.throttle.policy_and_dry()).collect();
        let apart = policies.iter().any(|(policy, dry)| {
            !policies.iter().all(|(other, other_dry)| share_a_backend((policy, *dry), (other, *other_dry)))
        });
        if apart && self.entries.len() > 1 { Atomicity::InTurn } else { Atomicity::Together }
    }

    /// What a [`commit`](Self::commit) would be answered now. Takes nothing, and is not counted.
    ///
    /// # Errors
    ///
    /// Like [`Throttle::hit`].
    pub async fn check(&self) -> Result<Decision, BackendError> {
        check(&self.entries, self.charged).await
    }

    /// Charges everything, if it fits all limits of all throttles, or nothing.
    ///
    /// If it is allowed, the quotas of the decision are those of all throttles, in their order. If not, the decision is
    /// that of the throttle with the longest wait.
    ///
    /// # Errors
    ///
    /// Like [`Throttle::hit`]. Nothing is charged then, or what was is given back, unless nobody knows: see
    /// [`BackendError::is_nothing_charged`].
    pub async fn commit(self) -> Result<Decision, BackendError> {
        commit(&self.entries, self.charged).await
    }

    /// Charges nothing, as if it were dropped.
    pub fn cancel(self) {}

    /// A part of the work that may fail by itself: what is charged there is charged here if it is
    /// [committed](Nested::commit).
    ///
    /// ```
    /// use throttle::{Registry, Settings};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let reports = Registry::default().create("reports", Settings::new().rate("3/hour"))?;
    /// let mut tab = reports.tab("alice");
    /// tab.charge(1);
    /// let mut chart = tab.nested();
    /// chart.charge(2);
    /// chart.cancel(); // it could not be drawn
    /// assert_eq!(tab.charged(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn nested(&mut self) -> Nested<'_> {
        Nested::new(&self.entries, 0, &mut self.charged)
    }
}
