//! Charges that can be refunded or adjusted later.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use crate::backend::Mode;
use crate::decision::Decision;
use crate::error::BackendError;
use crate::hit::Hit;
use crate::pipeline::outcome::Decided;
use crate::pipeline::prepare::Prepared;
use crate::pipeline::ticket::Ticket;
use crate::pipeline::{backend_call, decide};
use crate::throttle::Throttle;
use crate::throttle::counters::Event;

impl Throttle {
    /// Decides one use and charges it if it fits, as [`hit`](Self::hit) does, and returns a reservation that
    /// can refund the charge.
    ///
    /// Use it for a cost that is known only at the end: reserve an estimate at the start, which keeps other
    /// uses from consuming the same quota, and settle the actual cost at the end.
    ///
    /// ```
    /// use throttle::{Hit, Registry, Settings};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tokens = Registry::default().create("tokens", Settings::new().rate("1000/hour"))?;
    /// let reservation = tokens.reserve(Hit::new("alice").cost(400)).await?;
    /// if reservation.is_allowed() {
    ///     let used = 150; // as the model says when it has answered
    ///     reservation.settle(used).await?;
    /// }
    /// assert_eq!(tokens.quotas("alice").await?.remaining(), Some(850));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`hit`](Self::hit).
    pub async fn reserve<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<Reservation, BackendError> {
        let reserved = self.reserved(hit.into()).await;
        self.count(Event::of(reserved.as_ref().map(Reservation::decision)));
        reserved
    }

    async fn reserved(&self, hit: Hit<'_>) -> Result<Reservation, BackendError> {
        let mut parts = None;
        let mut context = self.empty_context(&mut parts);
        let ticket = match Self::ticket(Cow::Owned(self.clone()), hit, &mut context).await? {
            Prepared::Ready(ticket) => ticket,
            Prepared::Passed(reason) => {
                return Ok(Reservation { ticket: None, decided: Decided::by_nobody(reason) });
            }
        };
        let decided = if ticket.is_charged() {
            decide::decide_one(&ticket, Mode::Consume, &mut context).await?
        } else {
            Decided::by_nobody(ticket.uncharged())
        };
        Ok(Reservation { ticket: Some(ticket), decided })
    }
}

/// A use that was decided and charged, and whose charge can be refunded. See [`Throttle::reserve`].
///
/// `keep`, `refund` and `settle` consume the reservation, so nothing is refunded twice. A reservation that is
/// dropped stays charged, as a hit does. So a client that disconnects in the middle is charged.
///
/// ```
/// use throttle::{BackendError, Throttle};
///
/// /// Checks a password. Only failed logins are charged.
/// async fn login(logins: &Throttle, user: &str, is_correct: bool) -> Result<bool, BackendError> {
///     let reservation = logins.reserve(user).await?;
///     let is_logged_in = reservation.is_allowed() && is_correct;
///     if is_logged_in {
///         reservation.refund().await?;
///     }
///     Ok(is_logged_in)
/// }
/// # let _ = login;
/// ```
///
/// The compiler rejects a second refund:
///
/// ```compile_fail,E0382
/// # async fn twice(reservation: throttle::Reservation) -> Result<(), throttle::BackendError> {
/// reservation.refund().await?;
/// reservation.refund().await
/// # }
/// ```
#[must_use = "the charge is kept unless it is refunded: call `keep`, `refund` or `settle`"]
pub struct Reservation {
    /// `None` if the throttle does not limit this use.
    ticket: Option<Ticket<'static>>,
    decided: Decided,
}

/// The result of [settling](Reservation::settle) a [`Reservation`].
///
/// ```
/// use throttle::{Hit, Registry, Settings};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = Registry::default().create("tokens", Settings::new().rate("1000/hour"))?;
/// let reservation = tokens.reserve(Hit::new("alice").cost(900)).await?;
/// let settlement = reservation.settle(1200).await?;
/// assert_eq!((settlement.taken, settlement.missing), (1000, 200));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Settlement {
    /// Units that are charged now in total, if the strategy could refund all units that it was asked to refund.
    pub taken: u64,
    /// Units that were used but are not charged, because they did not fit the limits.
    pub missing: u64,
}

/// The maximum number of attempts to charge the units that fit, while other uses consume quota concurrently.
const ATTEMPTS: u32 = 8;

impl Reservation {
    /// Returns the decision.
    pub const fn decision(&self) -> &Decision {
        &self.decided.decision
    }

    /// Returns whether the use is allowed.
    pub fn is_allowed(&self) -> bool {
        self.decision().is_allowed()
    }

    /// Returns the charged units. 0 if the use was denied, or passed without a charge, for example because the
    /// backend failed.
    pub fn taken(&self) -> u64 {
        let charged = self.ticket.as_ref().filter(|_| self.decided.charged.is_some());
        charged.map_or(0, |ticket| ticket.cost)
    }

    /// Keeps the charge, and returns the decision.
    pub fn keep(self) -> Decision {
        self.decided.decision
    }

    /// Refunds the charge, as far as the strategy can. Units that are available again because time has passed
    /// are not refunded a second time. After a [reset](Throttle::reset) of the identity, nothing is refunded.
    ///
    /// A denied use was not charged, so nothing is refunded.
    ///
    /// # Errors
    ///
    /// Returns an error if the backend fails. Then the charge remains, or it is unknown whether the refund was
    /// applied.
    pub async fn refund(self) -> Result<(), BackendError> {
        let all = self.taken();
        self.give_back(all).await
    }

    /// Settles the actual cost, in units: refunds what was charged beyond it, or charges what is missing.
    ///
    /// If `cost` is above the charge, the difference is charged as far as it fits: all of it, or otherwise what
    /// is left. So the limit is exceeded only as far as the strategy allows. With
    /// [`TokenBucketWithDebt`](crate::strategy::TokenBucketWithDebt), the next uses pay for this one.
    /// [`Settlement::missing`] contains the units that did not fit. A denied use charges nothing.
    ///
    /// If `cost` is below the charge, the difference is refunded as far as the strategy can.
    /// [`LeakyBucketQueue`](crate::strategy::LeakyBucketQueue) refunds whole requests only.
    ///
    /// # Errors
    ///
    /// Returns an error if the backend fails. The earlier charge remains.
    pub async fn settle(mut self, cost: u64) -> Result<Settlement, BackendError> {
        let taken = self.taken();
        match cost.cmp(&taken) {
            Ordering::Equal => {}
            Ordering::Less => self.give_back(taken - cost).await?,
            Ordering::Greater => {
                let more = self.take(cost - taken).await?;
                return Ok(Settlement { taken: taken + more.taken, ..more });
            }
        }
        Ok(Settlement { taken: cost, missing: 0 })
    }

    async fn give_back(mut self, units: u64) -> Result<(), BackendError> {
        let whole = self.taken() == units;
        let Some((ticket, charged)) = self.ticket.as_mut().zip(self.decided.charged).filter(|_| units > 0)
        else {
            return Ok(());
        };
        ticket.cost = units;
        backend_call::give_back(ticket, charged).await?;
        if whole {
            ticket.throttle.count(Event::Refunded);
        }
        Ok(())
    }

    /// Charges `units`, or as many of them as fit.
    async fn take(&mut self, units: u64) -> Result<Settlement, BackendError> {
        let Some(ticket) = self.ticket.as_mut() else { return Ok(Settlement { taken: 0, missing: 0 }) };
        if self.decided.decision.is_throttled() {
            return Ok(Settlement { taken: 0, missing: units });
        }
        ticket.settles = true;
        let throttle = ticket.throttle.clone();
        let (mut parts, mut fitting) = (None, units);
        let mut context = throttle.empty_context(&mut parts);
        for _ in 0..ATTEMPTS {
            ticket.cost = fitting;
            let decided = decide::decide_one(ticket, Mode::Consume, &mut context).await?;
            if decided.charged.is_some() {
                return Ok(Settlement { taken: fitting, missing: units - fitting });
            }
            fitting = decided.decision.remaining().unwrap_or(0).min(fitting - 1);
            if fitting == 0 {
                break;
            }
        }
        Ok(Settlement { taken: 0, missing: units })
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("uid", &self.ticket.as_ref().map(|ticket| ticket.throttle.uid()))
            .field("taken", &self.taken())
            .field("decision", self.decision())
            .finish_non_exhaustive()
    }
}
