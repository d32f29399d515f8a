//! A backend of a registry.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use crate::admission::within;
use crate::backend::Backend;
use crate::log_limit::LogLimits;
use crate::{BackendError, ErrorKind, deadline};

/// A backend by one of its names. All names of one backend know together whether it was initialised.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: Arc<str>,
    pub(crate) backend: Arc<dyn Backend>,
    readiness: Arc<Readiness>,
    pub(crate) logs: Arc<BackendLogs>,
}

/// Limits what is logged about a backend.
#[derive(Debug)]
pub(crate) struct BackendLogs {
    /// Decisions that failed.
    pub(crate) failures: LogLimits,
    /// Refunds that failed.
    pub(crate) refunds: LogLimits,
}

impl BackendLogs {
    const fn new() -> Self {
        Self { failures: LogLimits::new(), refunds: LogLimits::new() }
    }
}

#[derive(Debug, Default)]
struct Readiness {
    done: AtomicBool,
    /// Held by whoever initialises it.
    turn: Mutex<()>,
}

impl Member {
    pub(crate) fn new(name: &str, backend: Arc<dyn Backend>) -> Self {
        Self { name: Arc::from(name), backend, readiness: Arc::default(), logs: Arc::new(BackendLogs::new()) }
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.backend.address() == other.backend.address()
    }

    /// The same backend by this member's name.
    pub(crate) fn named_after(self, other: &Self) -> Self {
        Self { readiness: Arc::clone(&other.readiness), logs: Arc::clone(&other.logs), ..self }
    }

    /// Initialises the backend if nobody has. Whoever comes while another one is at it does not wait for that.
    pub(crate) async fn prepare(&self, deadline: Duration) -> Result<(), BackendError> {
        if self.is_ready() { Ok(()) } else { Box::pin(self.prepare_first(deadline)).await }
    }

    async fn prepare_first(&self, deadline: Duration) -> Result<(), BackendError> {
        match self.readiness.turn.try_lock() {
            Ok(turn) => self.initialize(turn, deadline).await,
            Err(_) => Err(self.busy()),
        }
    }

    /// The same, but who comes while another one is at it waits for that.
    pub(crate) async fn prepare_or_wait(&self, limit: Duration) -> Result<(), BackendError> {
        if self.is_ready() {
            return Ok(());
        }
        let turn = match self.readiness.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) => match deadline::timeout(limit, self.readiness.turn.lock()).await {
                Ok(turn) => turn,
                Err(_) => return Err(self.busy()),
            },
        };
        self.initialize(turn, limit).await
    }

    fn busy(&self) -> BackendError {
        let busy = format!("the backend \"{}\" is being initialised", self.name);
        BackendError::new(ErrorKind::Connection, busy).nothing_charged()
    }

    async fn initialize(&self, _turn: MutexGuard<'_, ()>, deadline: Duration) -> Result<(), BackendError> {
        if self.is_ready() {
            return Ok(());
        }
        within(deadline, self.backend.initialize()).await.map_err(BackendError::nothing_charged)?;
        self.readiness.done.store(true, Ordering::Release);
        Ok(())
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.readiness.done.load(Ordering::Acquire)
    }
}
