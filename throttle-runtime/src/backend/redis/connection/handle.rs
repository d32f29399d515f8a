//! The connection that all requests share. No request waits for it: without a connection, requests fail
//! immediately, and a [connector](super::connector) opens a new one.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use redis::RedisError;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tracing::field::display;

use super::locator::Server;
use super::options::Options;
use super::shared::Connection;
use crate::backend::redis::errors;
use crate::util::error_chain::chain;
use crate::util::log_limit::LogLimit;
use crate::{BackendError, ErrorKind};

/// How long requests may still wait for replies of a node that is no longer needed.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// The connection in use, if there is one, and the means to open the next one.
pub(crate) struct Slot {
    pub(super) server: Server,
    pub(super) options: Options,
    /// Starts to open a connection in the background. It returns immediately.
    connect: fn(&Arc<Self>),
    live: RwLock<Live>,
    /// Whether a connector is running.
    pub(super) connecting: AtomicBool,
    pub(super) in_flight: Semaphore,
    pub(super) max_in_flight: usize,
    /// Limits the log events about lost and new connections.
    lost: LogLimit,
    pub(super) connected: LogLimit,
}

#[derive(Default)]
struct Live {
    connection: Option<Arc<Connection>>,
    /// Why there is no connection.
    why: Option<BackendError>,
    closed: bool,
}

impl Slot {
    pub(super) fn new(
        server: Server,
        options: Options,
        max_in_flight: usize,
        connect: fn(&Arc<Self>),
    ) -> Self {
        Self {
            server,
            options,
            connect,
            live: RwLock::default(),
            connecting: AtomicBool::new(false),
            in_flight: Semaphore::new(max_in_flight),
            max_in_flight,
            lost: LogLimit::new(),
            connected: LogLimit::new(),
        }
    }

    /// Replaces the connection if the error requires it.
    pub(in crate::backend::redis) fn heed(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        error: RedisError,
    ) -> RedisError {
        if errors::is_of_connection(&error) {
            let why = errors::backend_error("the connection to Redis was lost", &error);
            self.lose(connection, why);
        }
        self.server.heed(&error);
        error
    }

    pub(super) fn connection(self: &Arc<Self>) -> Result<Arc<Connection>, BackendError> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let why = match &*live {
            Live { connection: Some(connection), .. } => return Ok(Arc::clone(connection)),
            Live { closed: true, .. } => return Err(closed()),
            Live { why, .. } => why.clone(),
        };
        drop(live);
        (self.connect)(self);
        let unknown = || BackendError::new(ErrorKind::Connection, "not connected to Redis yet");
        Err(why.unwrap_or_else(unknown).nothing_charged())
    }

    /// Puts a connection to use.
    pub(super) fn fill(&self, connection: Connection) -> Result<Arc<Connection>, BackendError> {
        let mut live = self.write();
        if live.closed {
            return Err(closed());
        }
        let connection = Arc::new(connection);
        *live = Live { connection: Some(Arc::clone(&connection)), why: None, closed: false };
        Ok(connection)
    }

    /// Records why there is no connection.
    pub(super) fn explain(&self, why: BackendError) {
        self.write().why = Some(why);
    }

    /// Returns why there is no connection, if an attempt has failed.
    pub(in crate::backend::redis) fn why(&self) -> Option<BackendError> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).why.clone()
    }

    /// Stops using a connection, if it is the one in use, and starts to replace it.
    pub(super) fn lose(self: &Arc<Self>, connection: &Arc<Connection>, why: BackendError) {
        let mut live = self.write();
        if !live.connection.as_ref().is_some_and(|used| Arc::ptr_eq(used, connection)) {
            return;
        }
        if let Some(omitted) = self.lost.admit_now() {
            let (error, omitted) = (display(chain(&why)), omitted.field());
            tracing::warn!(target: "throttle", error, omitted, "Redis is not available");
        }
        *live = Live { connection: None, why: Some(why), closed: false };
        drop(live);
        connection.queues.close();
        (self.connect)(self);
        self.server.lost();
    }

    pub(in crate::backend::redis) fn close(&self) {
        *self.write() = Live { closed: true, ..Live::default() };
    }

    /// Accepts no further requests. Closes the connection after a time in which pending requests may receive
    /// their replies.
    pub(in crate::backend::redis) fn retire(&self) {
        let connection = std::mem::replace(&mut *self.write(), Live { closed: true, ..Live::default() });
        if let Some(connection) = connection.connection
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                sleep(LAST_ANSWERS).await;
                connection.queues.close();
            });
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.live.read().unwrap_or_else(PoisonError::into_inner).closed
    }

    pub(in crate::backend::redis) fn is_connected(&self) -> bool {
        self.live.read().unwrap_or_else(PoisonError::into_inner).connection.is_some()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Live> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(in crate::backend::redis) fn closed() -> BackendError {
    BackendError::new(ErrorKind::Closed, "the backend is closed").nothing_charged()
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("connected", &self.is_connected())
            .field("in_flight", &(self.max_in_flight - self.in_flight.available_permits()))
            .finish_non_exhaustive()
    }
}
