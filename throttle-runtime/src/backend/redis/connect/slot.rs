//! The connection that all requests share. It is never waited for: where there is none, there is an error at once,
//! and a [connector](super::connector) at work.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisError, Value};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::sleep;

use super::connector;
use super::server::Server;
use crate::backend::redis::failure::{self, Refusal};
use crate::backend::redis::scripted::Lanes;
use crate::{BackendError, ErrorKind};

/// So many requests in a row that were given up while nothing came back, and the connection is replaced.
const SILENT: u32 = 3;

/// Who gives up earlier than that has said nothing about the server: clients hang up at any time.
const PATIENCE: Duration = Duration::from_millis(10);

/// How long those who wait for a server that is of no more use go on waiting.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// The connection in use, if there is one, and how to come by the next.
pub(in crate::backend::redis) struct Slot {
    pub(super) server: Server,
    live: RwLock<Live>,
    /// Whether a connector is at work.
    pub(super) connecting: AtomicBool,
    in_flight: Semaphore,
    max_in_flight: usize,
}

#[derive(Default)]
struct Live {
    connection: Option<Arc<Connection>>,
    /// Why there is none.
    why: Option<BackendError>,
    closed: bool,
}

/// A connection, and how long nothing has come back on it.
pub(in crate::backend::redis) struct Connection {
    multiplexed: MultiplexedConnection,
    born: Instant,
    /// When the last answer came, in microseconds from `born`.
    answered: AtomicU64,
    silent: AtomicU32,
    /// Where requests that are decided together meet.
    pub(in crate::backend::redis) lanes: Lanes,
}

impl Connection {
    pub(super) fn new(multiplexed: MultiplexedConnection) -> Self {
        Self {
            multiplexed,
            born: Instant::now(),
            answered: AtomicU64::new(0),
            silent: AtomicU32::new(0),
            lanes: Lanes::default(),
        }
    }

    fn age(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(in crate::backend::redis) async fn send(&self, command: &Cmd) -> Result<Value, RedisError> {
        self.multiplexed.clone().send_packed_command(command).await?.extract_error()
    }

    /// The same for a slot that is on its way to this node, with nothing in between.
    pub(in crate::backend::redis) async fn send_asking(&self, command: Cmd) -> Result<Value, RedisError> {
        let mut both = Pipeline::with_capacity(2);
        both.add_command(redis::cmd("ASKING")).add_command(command);
        let mut answers = self.multiplexed.clone().send_packed_commands(&both, 1, 1).await?;
        answers.pop().unwrap_or(Value::Nil).extract_error()
    }

    /// An answer has come.
    fn hear(&self) {
        self.answered.fetch_max(self.age(), Ordering::Relaxed);
        self.silent.store(0, Ordering::Relaxed);
    }
}

impl Slot {
    pub(in crate::backend::redis) fn new(server: Server, max_in_flight: usize) -> Self {
        Self {
            server,
            live: RwLock::default(),
            connecting: AtomicBool::new(false),
            in_flight: Semaphore::new(max_in_flight),
            max_in_flight,
        }
    }

    /// Lets a request in. It fails at once if there is no connection, or if too many requests wait already.
    pub(in crate::backend::redis) fn enter(self: &Arc<Self>) -> Result<Visit<'_>, BackendError> {
        let permit = self.in_flight.try_acquire().map_err(|_| {
            let text = format!("{} requests wait for Redis already", self.max_in_flight);
            BackendError::new(ErrorKind::Timeout, text)
        })?;
        let connection = self.connection()?;
        let since = connection.age();
        Ok(Visit { slot: self, connection, since, over: false, _permit: permit })
    }

    /// One request by itself.
    pub(in crate::backend::redis) async fn send(self: &Arc<Self>, command: Cmd) -> Result<Value, Refusal> {
        let visit = self.enter()?;
        let answer = self.ask(&visit.connection, command).await;
        visit.over();
        answer
    }

    /// One call on a connection. Whatever a node of a cluster sends on did not run there, so it goes on once.
    pub(in crate::backend::redis) async fn ask(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        command: Cmd,
    ) -> Result<Value, Refusal> {
        let error = match connection.send(&command).await {
            Ok(answer) => return Ok(answer),
            Err(error) => self.heed(connection, error),
        };
        match self.server.redirect(&error) {
            Some((cluster, redirect)) => {
                connection.hear();
                cluster.follow(redirect, command).await
            }
            None => Err(failure::refusal(error)),
        }
    }

    /// Gives the connection up if that is what the error says.
    pub(in crate::backend::redis) fn heed(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        error: RedisError,
    ) -> RedisError {
        if failure::is_of_connection(&error) {
            let why = failure::backend_error("the connection to Redis was lost", error.clone());
            self.lose(connection, why);
        }
        self.server.heed(&error);
        error
    }

    fn connection(self: &Arc<Self>) -> Result<Arc<Connection>, BackendError> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let why = match &*live {
            Live { connection: Some(connection), .. } => return Ok(Arc::clone(connection)),
            Live { closed: true, .. } => return Err(closed()),
            Live { why, .. } => why.clone(),
        };
        drop(live);
        connector::start(self);
        Err(why.unwrap_or_else(|| BackendError::new(ErrorKind::Connection, "not connected to Redis yet")))
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

    /// Says why there is no connection.
    pub(super) fn explain(&self, why: BackendError) {
        self.write().why = Some(why);
    }

    /// Stops using a connection, if it is the one in use, and has it replaced.
    pub(super) fn lose(self: &Arc<Self>, connection: &Arc<Connection>, why: BackendError) {
        let mut live = self.write();
        if !live.connection.as_ref().is_some_and(|used| Arc::ptr_eq(used, connection)) {
            return;
        }
        let source = std::error::Error::source(&why).map(tracing::field::display);
        tracing::warn!(target: "throttle", error = %why, source, "Redis is not available");
        *live = Live { connection: None, why: Some(why), closed: false };
        drop(live);
        connection.lanes.close();
        connector::start(self);
        self.server.lost();
    }

    pub(in crate::backend::redis) fn close(&self) {
        *self.write() = Live { closed: true, ..Live::default() };
    }

    /// Closes it as soon as those who were let in have their answers, or have waited long enough for them.
    pub(in crate::backend::redis) fn retire(&self) {
        let connection = std::mem::replace(&mut *self.write(), Live { closed: true, ..Live::default() });
        if let Some(connection) = connection.connection
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                sleep(LAST_ANSWERS).await;
                connection.lanes.close();
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
    BackendError::new(ErrorKind::Closed, "the backend is closed")
}

/// A request that waits for its answer. Dropped before, it was given up.
pub(in crate::backend::redis) struct Visit<'a> {
    slot: &'a Arc<Slot>,
    pub(in crate::backend::redis) connection: Arc<Connection>,
    since: u64,
    over: bool,
    _permit: SemaphorePermit<'a>,
}

impl Visit<'_> {
    /// The answer is there.
    pub(in crate::backend::redis) fn over(mut self) {
        self.over = true;
        self.connection.hear();
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let connection = &self.connection;
        let waited = Duration::from_micros(connection.age().saturating_sub(self.since));
        // Answers come in the order of requests, so one of a later time says that the server is there.
        let answered = connection.answered.load(Ordering::Relaxed) > self.since;
        if self.over || answered || waited < PATIENCE {
            return;
        }
        if connection.silent.fetch_add(1, Ordering::Relaxed) + 1 >= SILENT {
            let text = format!("Redis did not answer {SILENT} requests in a row");
            self.slot.lose(connection, BackendError::new(ErrorKind::Timeout, text));
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("connected", &self.is_connected())
            .field("in_flight", &(self.max_in_flight - self.in_flight.available_permits()))
            .finish_non_exhaustive()
    }
}
