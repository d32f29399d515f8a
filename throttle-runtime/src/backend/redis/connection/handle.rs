//! The connection that all requests share. No request waits for it: without a connection, requests fail
//! immediately, and a [connector](super::connector) opens a new one.
//!
//! The managed connections of the client crate are not used: every request would wait for the reconnection.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock, RwLockWriteGuard};
use std::time::Duration;

use redis::RedisError;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tracing::field::display;

use super::locator::Locator;
use super::options::Options;
use super::shared::Connection;
use crate::backend::redis::errors;
use crate::error::chain::chain;
use crate::error::{BackendError, ErrorKind};
use crate::util::log_limit::LogLimit;
use crate::util::sync;

/// How long requests may still wait for replies of a node that is no longer needed.
const LAST_REPLIES: Duration = Duration::from_secs(1);

/// The connection in use, if there is one, and the means to open the next one.
pub(in crate::backend::redis) struct ConnectionHandle {
    pub(super) locator: Locator,
    pub(super) options: Options,
    /// Starts to open a connection in the background. It returns immediately.
    connect: fn(&Arc<Self>),
    state: RwLock<State>,
    /// Whether a connector is running.
    pub(super) is_connecting: AtomicBool,
    pub(super) in_flight: Semaphore,
    pub(super) max_in_flight: usize,
    /// Limits the log events about lost and new connections.
    lost_events: LogLimit,
    pub(super) connected_events: LogLimit,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    /// Why there is no connection.
    error: Option<BackendError>,
    closed: bool,
}

impl ConnectionHandle {
    pub(super) fn new(
        locator: Locator,
        options: Options,
        max_in_flight: usize,
        connect: fn(&Arc<Self>),
    ) -> Self {
        Self {
            locator,
            options,
            connect,
            state: RwLock::default(),
            is_connecting: AtomicBool::new(false),
            in_flight: Semaphore::new(max_in_flight),
            max_in_flight,
            lost_events: LogLimit::new(),
            connected_events: LogLimit::new(),
        }
    }

    /// Replaces the connection if the error requires it.
    pub(in crate::backend::redis) fn handle_error(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        error: RedisError,
    ) -> RedisError {
        if errors::requires_reconnect(&error) {
            let reason = errors::backend_error("the connection to Redis was lost", &error);
            self.disconnect(connection, reason);
        }
        self.locator.handle_error(&error);
        error
    }

    pub(super) fn connection(self: &Arc<Self>) -> Result<Arc<Connection>, BackendError> {
        let state = sync::read(&self.state);
        let error = match &*state {
            State { connection: Some(connection), .. } => return Ok(Arc::clone(connection)),
            State { closed: true, .. } => return Err(closed()),
            State { error, .. } => error.clone(),
        };
        drop(state);
        (self.connect)(self);
        let not_connected = || BackendError::new(ErrorKind::Connection, "not connected to Redis yet");
        Err(error.unwrap_or_else(not_connected).safe_to_retry())
    }

    /// Puts a connection to use.
    pub(super) fn install(&self, connection: Connection) -> Result<Arc<Connection>, BackendError> {
        let mut state = self.write();
        if state.closed {
            return Err(closed());
        }
        let connection = Arc::new(connection);
        *state = State { connection: Some(Arc::clone(&connection)), error: None, closed: false };
        Ok(connection)
    }

    /// Records why there is no connection.
    pub(super) fn record_failure(&self, error: BackendError) {
        self.write().error = Some(error);
    }

    /// Returns why there is no connection, if an attempt has failed.
    pub(in crate::backend::redis) fn last_error(&self) -> Option<BackendError> {
        sync::read(&self.state).error.clone()
    }

    /// Stops using a connection, if it is the one in use, and starts to replace it.
    pub(super) fn disconnect(self: &Arc<Self>, connection: &Arc<Connection>, error: BackendError) {
        let mut state = self.write();
        if !state.connection.as_ref().is_some_and(|used| Arc::ptr_eq(used, connection)) {
            return;
        }
        if let Some(omitted) = self.lost_events.admit_now() {
            let (error, omitted) = (display(chain(&error)), omitted.field());
            tracing::warn!(target: "throttle", error, omitted, "Redis is not available");
        }
        *state = State { connection: None, error: Some(error), closed: false };
        drop(state);
        connection.queues.close();
        (self.connect)(self);
        self.locator.lost();
    }

    pub(in crate::backend::redis) fn close(&self) {
        *self.write() = State { closed: true, ..State::default() };
    }

    /// Accepts no further requests. Closes the connection after a time in which pending requests may receive
    /// their replies.
    pub(in crate::backend::redis) fn retire(&self) {
        let last = std::mem::replace(&mut *self.write(), State { closed: true, ..State::default() });
        if let Some(connection) = last.connection
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                sleep(LAST_REPLIES).await;
                connection.queues.close();
            });
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        sync::read(&self.state).closed
    }

    pub(in crate::backend::redis) fn is_connected(&self) -> bool {
        sync::read(&self.state).connection.is_some()
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        sync::write(&self.state)
    }
}

pub(in crate::backend::redis) fn closed() -> BackendError {
    BackendError::new(ErrorKind::Closed, "the backend is closed").safe_to_retry()
}

impl fmt::Debug for ConnectionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionHandle")
            .field("connected", &self.is_connected())
            .field("in_flight", &(self.max_in_flight - self.in_flight.available_permits()))
            .finish_non_exhaustive()
    }
}
