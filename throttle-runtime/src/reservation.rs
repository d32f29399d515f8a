//! What was taken and may be given back.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use crate::admission::{self, Decided, Ticket};
use crate::backend::Mode;
use crate::counters::Event;
use crate::{BackendError, Decision, Hit, Throttle};

impl Throttle {
    /// Decides one use and charges it if it fits, as [`hit`](Self::hit) does, and keeps what it takes to give that back.
    ///
    /// This is how to charge what is known at the end only: an estimate at the start, which keeps others from taking
    /// the same, and at the end what it came to.
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
    /// assert_eq!(tokens.stat("alice").await?.remaining(), Some(850));
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
        let mut head = self.empty_head(&mut parts);
        let ticket = match Self::ticket(Cow::Owned(self.clone()), hit, &mut head).await? {
            Ok(ticket) => ticket,
            Err(source) => return Ok(Reservation { ticket: None, decided: Decided::by_nobody(source) }),
        };
        let decided = if ticket.is_charged() {
            admission::decide_one(&ticket, Mode::Take, &mut head).await?
        } else {
            Decided::by_nobody(ticket.uncharged())
        };
        Ok(Reservation { ticket: Some(ticket), decided })
    }
}

/// A use that was decided and charged, whose charge may be given back: see [`Throttle::reserve`].
///
/// It is used up by what becomes of it, so nothing is given back twice. One that is dropped stays charged, as a hit
/// does: whoever hangs up in the middle has paid.
///
/// ```compile_fail,E0382
/// # async fn twice(reservation: throttle::Reservation) -> Result<(), throttle::BackendError> {
/// reservation.refund().await?;
/// reservation.refund().await
/// # }
/// ```
#[must_use = "the charge stays unless it is given back: say so with `keep`"]
pub struct Reservation {
    /// `None` if the throttle has no limits for this.
    ticket: Option<Ticket<'static>>,
    decided: Decided,
}

/// What a [`Reservation`] came to in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Settlement {
    /// Units that are charged now, in all, if the strategy could give back all that was asked of it.
    pub taken: u64,
    /// Units that were used and are not charged, since the limits had no room for them.
    pub missing: u64,
}

/// How often what fits is asked for anew, while others take of it.
const ATTEMPTS: u32 = 8;

impl Reservation {
    /// What was decided.
    pub const fn decision(&self) -> &Decision {
        &self.decided.decision
    }

    /// Whether the work may go on.
    pub fn is_allowed(&self) -> bool {
        self.decision().is_allowed()
    }

    /// Units that were taken: 0 if it was denied, or passed without a charge, as when the backend failed.
    pub fn taken(&self) -> u64 {
        let charged = self.ticket.as_ref().filter(|_| self.decided.charged.is_some());
        charged.map_or(0, |ticket| ticket.cost)
    }

    /// Stays charged.
    pub fn keep(self) -> Decision {
        self.decided.decision
    }

    /// Refunds what was taken, as far as the strategy can: what time has given back already is not given twice. After a
    /// [reset](Throttle::reset) of the identity nothing is refunded.
    ///
    /// Denials took nothing, so nothing is given back.
    ///
    /// # Errors
    ///
    /// If the backend fails: then it stays charged, or nobody knows.
    pub async fn refund(self) -> Result<(), BackendError> {
        let all = self.taken();
        self.give_back(all).await
    }

    /// Settles what the use came to: gives back what was taken beyond that, or takes what is missing.
    ///
    /// More than was taken is charged as far as it fits: all of it, or else what is left. So the limit is exceeded only as
    /// the strategy allows; with [`TokenBucketWithDebt`](crate::strategy::TokenBucketWithDebt) the next uses pay for this
    /// one. What did not fit is in the answer. A use that was denied did not happen, and takes nothing.
    ///
    /// Less is given back as far as the strategy can. [`LeakyBucketQueue`](crate::strategy::LeakyBucketQueue) gives back
    /// whole requests only.
    ///
    /// # Errors
    ///
    /// If the backend fails. What was taken before stays taken.
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
        admission::give_back(ticket, charged).await?;
        if whole {
            ticket.throttle.count(Event::Refunded);
        }
        Ok(())
    }

    /// Takes so much, or what fits of it.
    async fn take(&mut self, units: u64) -> Result<Settlement, BackendError> {
        let Some(ticket) = self.ticket.as_mut() else { return Ok(Settlement { taken: 0, missing: 0 }) };
        if self.decided.decision.is_throttled() {
            return Ok(Settlement { taken: 0, missing: units });
        }
        let throttle = ticket.throttle.clone();
        let (mut parts, mut fitting) = (None, units);
        let mut head = throttle.empty_head(&mut parts);
        for _ in 0..ATTEMPTS {
            ticket.cost = fitting;
            let decided = admission::decide_one(ticket, Mode::Take, &mut head).await?;
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
