//! The exchange of circuit breaker states between the instances of a service, in the background.
//!
//! Requests use only the breaker of their own instance, so an unreachable backend delays no request, and is
//! logged once. An entry on the shared storage expires when other instances may probe, so the clocks of instances may
//! differ.

mod exchange;
mod message;
mod shared_breaker;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::backend::named::NamedBackend;
use crate::resilience::Breaker;
use crate::util::sync;
use exchange::Exchange;

/// The interval at which boards are read.
const INTERVAL: Duration = Duration::from_millis(500);

/// The shared breakers of a registry, and the task that exchanges their states. A request starts the task,
/// because only requests are certain to have a runtime. The task ends with the registry.
#[derive(Default)]
pub(crate) struct Sharing {
    exchanges: Mutex<Vec<Arc<Exchange>>>,
    /// Whether there are shared breakers, and no task is running.
    is_due: AtomicBool,
    is_closed: AtomicBool,
    /// Notified of every change of a shared breaker.
    changed: Arc<Notify>,
}

impl Sharing {
    /// Returns the handle by which a breaker notifies of its changes.
    pub(crate) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// Shares a breaker under this name, through the shared storage of this backend.
    pub(crate) fn add(&self, named: &NamedBackend, name: Arc<str>, breaker: Breaker) {
        let mut exchanges = sync::lock(&self.exchanges);
        if let Some(exchange) = exchanges.iter().find(|exchange| exchange.is_on(named)) {
            return exchange.add(name, breaker);
        }
        let exchange = Exchange::new(named.clone());
        exchange.add(name, breaker);
        exchanges.push(Arc::new(exchange));
        // A running task finds the new exchange by itself.
        if exchanges.len() == 1 {
            self.is_due.store(true, Ordering::Release);
        }
    }

    /// Ends the task, because the backends are about to be closed.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Starts the task, unless there is nothing to share or the task is running.
    #[inline]
    pub(crate) fn start(self: &Arc<Self>) {
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
        let exchanges = sync::lock(&self.exchanges).clone();
        for exchange in exchanges {
            let answer = exchange.look().await;
            // The failure of a backend that was closed meanwhile is not logged.
            if !self.is_closed() {
                exchange.tell(answer);
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}

/// Allows the next request to start a new task when this task ends, for any reason: a runtime may end before
/// its registry, and the hook of a breaker may panic.
struct AtWork(Weak<Sharing>);

impl Drop for AtWork {
    fn drop(&mut self) {
        if let Some(sharing) = self.0.upgrade() {
            sharing.is_due.store(true, Ordering::Release);
        }
    }
}
