//! Forgetting what one identity has used of one throttle.

use std::borrow::Cow;

use crate::{BackendError, Hit, Throttle, admission, audit};

impl Throttle {
    /// Forgets what one identity has used of all limits of this throttle, and of nothing else: an account that was
    /// unlocked, a customer who paid.
    ///
    /// It is forgotten where it is kept, at the backend and at the one that stands in for it, also while the throttle is
    /// switched off. Where the rate is a function it is asked as for a [`hit`](Self::hit), unless the hit says the limits:
    /// those of other periods are kept apart, and stay. Of several processes that share a Redis, the others may go on for
    /// up to a second denying whom they denied.
    ///
    /// A refund belongs to the state from which it was taken: after a reset, [reservations](Throttle::reserve) and
    /// responses from before it refund nothing. Stores keep the time of the reset with the identity, so that this is also
    /// true for charges by other processes. A server that loses its data, or evicts a state, knows of no reset: a refund
    /// of what was taken before may then admit as many units more.
    ///
    /// ```
    /// use throttle::{Registry, Settings};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let logins = Registry::default().create("logins", Settings::new().rate("1/day"))?;
    /// logins.hit("alice").await?;
    /// assert!(logins.hit("alice").await?.is_throttled());
    /// logins.reset("alice").await?;
    /// assert!(logins.hit("alice").await?.is_allowed());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If a backend fails, or cannot [forget](crate::backend::Backend::forget) one identity. What was forgotten before
    /// stays so.
    pub async fn reset<'h>(&self, identity: impl Into<Hit<'h>>) -> Result<(), BackendError> {
        let mut parts = None;
        // What it costs to forget somebody need not be asked.
        let hit = identity.into().cost(1);
        let (policy, mut head) = (self.policy().into_owned(), self.empty_head(&mut parts));
        // What has no limits has nothing to forget.
        if let Ok(ticket) = Self::ticket_by((policy, false), Cow::Borrowed(self), hit, &mut head).await? {
            admission::reset(&ticket).await?;
        }
        let uid = self.uid();
        audit::event(
            |by, why| tracing::info!(target: "throttle", uid, by, why, "the usage of one identity was reset"),
        );
        Ok(())
    }
}
