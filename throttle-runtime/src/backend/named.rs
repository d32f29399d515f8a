//! A backend of a registry.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use super::Backend;
use super::deadline::within;
use crate::error::{BackendError, ErrorKind};
use crate::util::deadline;
use crate::util::log_limit::LogLimits;

/// A backend under one of its names. All names of one backend share whether it was initialised.
#[derive(Debug, Clone)]
pub(crate) struct NamedBackend {
    pub(crate) name: Arc<str>,
    pub(crate) backend: Arc<dyn Backend>,
    readiness: Arc<Readiness>,
    pub(crate) logs: Arc<BackendLogs>,
}

/// Rate limits for the log events about a backend.
#[derive(Debug)]
pub(crate) struct BackendLogs {
    /// For failed decisions.
    pub(crate) failures: LogLimits,
    /// For failed refunds.
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
    /// Held during the initialisation.
    turn: Mutex<()>,
}

impl NamedBackend {
    pub(crate) fn new(name: &str, backend: Arc<dyn Backend>) -> Self {
        Self { name: Arc::from(name), backend, readiness: Arc::default(), logs: Arc::new(BackendLogs::new()) }
    }

    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        self.backend.address() == other.backend.address()
    }

    /// Returns this backend under its own name, with the state of `other`, which is the same backend under
    /// another name.
    pub(crate) fn named_after(self, other: &Self) -> Self {
        Self { readiness: Arc::clone(&other.readiness), logs: Arc::clone(&other.logs), ..self }
    }

    /// Initialises the backend if that was not done yet. While another call initialises it, returns an error
    /// immediately.
    pub(crate) async fn prepare(&self, deadline: Duration) -> Result<(), BackendError> {
        if self.is_ready() { Ok(()) } else { Box::pin(self.prepare_first(deadline)).await }
    }

    async fn prepare_first(&self, deadline: Duration) -> Result<(), BackendError> {
        match self.readiness.turn.try_lock() {
            Ok(turn) => self.initialize(turn, deadline).await,
            Err(_) => Err(self.busy()),
        }
    }

    /// Like [`prepare`](Self::prepare), but waits while another call initialises the backend.
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
        BackendError::new(ErrorKind::Connection, busy).safe_to_retry()
    }

    async fn initialize(&self, _turn: MutexGuard<'_, ()>, deadline: Duration) -> Result<(), BackendError> {
        if self.is_ready() {
            return Ok(());
        }
        within(deadline, self.backend.initialize()).await.map_err(BackendError::safe_to_retry)?;
        self.readiness.done.store(true, Ordering::Release);
        Ok(())
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.readiness.done.load(Ordering::Acquire)
    }
}
