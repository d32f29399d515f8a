//! Resets the usage of one identity.

use std::borrow::Cow;

use crate::error::BackendError;
use crate::hit::Hit;
use crate::pipeline::backend_call;
use crate::pipeline::prepare::Prepared;
use crate::throttle::Throttle;
use crate::util::audit;

impl Throttle {
    /// Resets the usage of one identity in all limits of this throttle, for example after an account was
    /// unlocked or a customer has paid.
    ///
    /// The usage is reset in the backend and in its fallback, even while the throttle is switched off. If the
    /// rate is a function, it is called as for a [`hit`](Self::hit), unless the hit sets the limits. Limits
    /// with other periods are stored separately, and are not reset. If several processes share a Redis, the
    /// other processes may deny the identity for up to a second more.
    ///
    /// A refund belongs to the state that was charged: after a reset, [reservations](Throttle::reserve) and
    /// responses from before it refund nothing. Stores keep the time of the reset with the identity, so this
    /// also applies to charges by other processes. A server that loses its data, or evicts a state, does not
    /// know of the reset. A refund of an earlier charge may then admit that many units more.
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
    /// Returns an error if a backend fails, or if it cannot [reset](crate::backend::Backend::forget) a single
    /// identity. Usage that was reset before the error stays reset.
    pub async fn reset<'h>(&self, identity: impl Into<Hit<'h>>) -> Result<(), BackendError> {
        let mut parts = None;
        // The cost does not matter for a reset, so no cost function is called.
        let hit = identity.into().cost(1);
        let (policy, mut context) = (self.policy().into_owned(), self.empty_context(&mut parts));
        // A throttle without limits has no usage to reset.
        let prepared = Self::ticket_by(policy, false, Cow::Borrowed(self), hit, &mut context).await?;
        if let Prepared::Ready(ticket) = prepared {
            backend_call::reset(&ticket).await?;
        }
        let uid = self.uid();
        audit::event(
            |by, why| tracing::info!(target: "throttle", uid, by, why, "the usage of one identity was reset"),
        );
        Ok(())
    }
}
