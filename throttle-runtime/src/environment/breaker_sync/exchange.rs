//! The breakers that are shared through one backend.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tracing::field::display;

use super::shared_breaker::{DEADLINE, Shared};
use crate::backend::named::NamedBackend;
use crate::error::BackendError;
use crate::error::chain::chain;
use crate::resilience::Breaker;
use crate::util::sync;

pub(super) struct Exchange {
    named: NamedBackend,
    shared: Mutex<Vec<Arc<Shared>>>,
    /// Whether the last exchange with the shared storage failed.
    is_lost: AtomicBool,
}

impl Exchange {
    pub(super) fn new(named: NamedBackend) -> Self {
        Self { named, shared: Mutex::default(), is_lost: AtomicBool::new(false) }
    }

    pub(super) fn is_on(&self, named: &NamedBackend) -> bool {
        self.named.ptr_eq(named)
    }

    pub(super) fn add(&self, name: Arc<str>, breaker: Breaker) {
        self.shared().push(Arc::new(Shared::new(name, breaker)));
    }

    /// Lets each breaker exchange its state with the shared storage, until one exchange fails.
    pub(super) async fn look(&self) -> Result<(), BackendError> {
        self.named.prepare_or_wait(DEADLINE).await?;
        let Some(storage) = self.named.backend.coordination_store() else { return Ok(()) };
        let shared = self.shared().clone();
        for shared in shared {
            shared.look(storage).await?;
        }
        Ok(())
    }

    /// Logs once that the shared storage is unreachable, and once that it responds again.
    pub(super) fn tell(&self, answer: Result<(), BackendError>) {
        let backend = &*self.named.name;
        match answer {
            Err(error) if !self.is_lost.swap(true, Ordering::Relaxed) => {
                let error = display(chain(&error));
                tracing::warn!(target: "throttle", backend, error, "circuit breakers are no longer shared: each instance uses its own state");
            }
            Ok(()) if self.is_lost.swap(false, Ordering::Relaxed) => {
                tracing::info!(target: "throttle", backend, "circuit breakers are shared again");
            }
            _ => {}
        }
    }

    fn shared(&self) -> MutexGuard<'_, Vec<Arc<Shared>>> {
        sync::lock(&self.shared)
    }
}
