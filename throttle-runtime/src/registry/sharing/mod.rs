//! What the instances of a service tell each other of their circuit breakers, behind the backs of requests.

mod exchange;
mod shared;
mod word;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::timeout;

use self::exchange::Exchange;
use super::Member;
use crate::Breaker;

/// How often the boards are read.
const INTERVAL: Duration = Duration::from_millis(500);

/// The breakers of a registry that are shared, and the task that sees to it: begun by a request, as only those have a
/// runtime for certain, and over when the registry is.
#[derive(Default)]
pub(super) struct Sharing {
    exchanges: Mutex<Vec<Arc<Exchange>>>,
    /// Whether there is work, and no task at it.
    is_due: AtomicBool,
    is_closed: AtomicBool,
    /// Told of every change of a shared breaker.
    changed: Arc<Notify>,
}

impl Sharing {
    /// Whom a breaker has to tell of its changes.
    pub(super) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// Shares a breaker, by that name on the board of that backend.
    pub(super) fn add(&self, member: &Member, name: Arc<str>, breaker: Breaker) {
        let mut exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(exchange) = exchanges.iter().find(|exchange| exchange.is_on(member)) {
            return exchange.add(name, breaker);
        }
        let exchange = Exchange::new(member.clone());
        exchange.add(name, breaker);
        exchanges.push(Arc::new(exchange));
        // A task that is at work already finds it by itself.
        if exchanges.len() == 1 {
            self.is_due.store(true, Ordering::Release);
        }
    }

    /// Ends the task: the backends are about to be closed.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Begins the task, unless there is nothing to share or it is at work.
    #[inline]
    pub(super) fn start(self: &Arc<Self>) {
        if self.is_due.load(Ordering::Relaxed) {
            self.spawn();
        }
    }

    #[cold]
    fn spawn(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else { return };
        if self.is_closed() || !self.is_due.swap(false, Ordering::AcqRel) {
            return;
        }
        let at_work = AtWork(Arc::downgrade(self));
        let changed = self.changed();
        runtime.spawn(async move {
            while let Some(sharing) = at_work.0.upgrade().filter(|sharing| !sharing.is_closed()) {
                sharing.look().await;
                drop(sharing);
                let _ = timeout(INTERVAL, changed.notified()).await;
            }
        });
    }

    async fn look(&self) {
        let exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for exchange in exchanges {
            let answer = exchange.look().await;
            // That a backend was closed meanwhile is no loss.
            if !self.is_closed() {
                exchange.tell(answer);
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}

/// Ends with the task, however that ends: a runtime may be gone before its registry, and the hook of a breaker may
/// panic. The next request begins another one.
struct AtWork(Weak<Sharing>);

impl Drop for AtWork {
    fn drop(&mut self) {
        if let Some(sharing) = self.0.upgrade() {
            sharing.is_due.store(true, Ordering::Release);
        }
    }
}
