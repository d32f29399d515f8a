//! Payments: the primary is charged with the debts of identities.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::payment::Payment;
use super::{Reconciler, id};
use crate::backend::deadline::within;
use crate::backend::{Backend, Charge, Mode};
use crate::clock::Clock;
use crate::error::BackendError;
use crate::util::now_or_later::BoxFuture;

/// The number of debts that are paid concurrently.
const AT_A_TIME: usize = 8;

impl Reconciler {
    /// Whether the identity has a debt. If so, the fallback decides about it until the debt is paid.
    pub(crate) fn owes(&self, charge: &Charge<'_>) -> bool {
        let owes = || self.ledger.read(id(charge), |account| account.debt.is_some());
        self.ledger.is_owed() && owes().unwrap_or(false)
    }

    /// Whether any identity has a debt.
    pub(crate) fn is_owed(&self) -> bool {
        self.ledger.is_owed()
    }

    /// Returns the guard for paying all debts, if no other task holds it.
    pub(crate) fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.paying).try_lock_owned().ok()
    }

    /// Charges the primary with the debt of the identity. If another payment is in progress, this does nothing;
    /// [`owes`](Self::owes) becomes `false` when that payment is complete.
    ///
    /// # Errors
    ///
    /// If the primary fails. The debt is kept. If the failed payment may have been charged, the next one
    /// charges at most the difference.
    pub(crate) async fn pay(
        &self,
        charge: &Charge<'_>,
        primary: &dyn Backend,
        deadline: Duration,
        now: u64,
    ) -> Result<(), BackendError> {
        self.pay_one(id(charge), primary, deadline, now).await
    }

    /// Pays all debts, a few identities at a time.
    ///
    /// # Errors
    ///
    /// The first error of the primary. Identities after the failed group are not tried.
    pub(crate) async fn pay_all(
        &self,
        primary: &dyn Backend,
        deadline: Duration,
        clock: &dyn Clock,
    ) -> Result<(), BackendError> {
        for ids in self.ledger.owing().chunks(AT_A_TIME) {
            let payments = ids.iter().map(|id| -> BoxFuture<'_, _> {
                Box::pin(self.pay_one(*id, primary, deadline, clock.now()))
            });
            all(payments.collect()).await?;
        }
        Ok(())
    }

    async fn pay_one(
        &self,
        id: u128,
        primary: &dyn Backend,
        deadline: Duration,
        now: u64,
    ) -> Result<(), BackendError> {
        let Some((payment, bill)) = Payment::begin(self, id, now) else { return Ok(()) };
        if bill.is_void(now) {
            payment.close();
            return Ok(());
        }
        let charges = bill.charges(&self.scope);
        match within(deadline, primary.decide(&charges, Mode::Consume)).await {
            Ok(verdict) => payment.made((&bill, &charges), &verdict, now),
            Err(error) => {
                if error.is_safe_to_retry() {
                    payment.refused();
                }
                Err(error)
            }
        }
    }
}

/// Waits for all futures. Returns the first error.
async fn all(mut futures: Vec<BoxFuture<'_, Result<(), BackendError>>>) -> Result<(), BackendError> {
    let mut failed = Ok(());
    poll_fn(|context| {
        futures.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Ready(result) => {
                if failed.is_ok() {
                    failed = result;
                }
                false
            }
            Poll::Pending => true,
        });
        if futures.is_empty() { Poll::Ready(std::mem::replace(&mut failed, Ok(()))) } else { Poll::Pending }
    })
    .await
}
