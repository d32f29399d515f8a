//! A connection that the requests of all tasks share. It measures how long the server has not replied.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisError, Value};

use super::open::Driver;
use crate::backend::redis::batch::queue::BatchQueues;
use crate::util::duration::micros;

/// A shared connection, and how long its server has not replied.
pub(in crate::backend::redis) struct Connection {
    multiplexed: MultiplexedConnection,
    _driver: Option<Driver>,
    opened_at: Instant,
    /// The time of the last reply, in microseconds since `opened_at`.
    last_reply: AtomicU64,
    /// The number of requests in a row that were given up before any reply arrived.
    abandoned: AtomicU32,
    /// Whether a task waits for the reply to a `PING`.
    is_checking: Arc<AtomicBool>,
    /// The duration of the last step of the handshake.
    round_trip: Duration,
    /// The queues of requests that are decided in batches.
    pub(in crate::backend::redis) queues: BatchQueues,
}

impl Connection {
    pub(super) fn new(multiplexed: MultiplexedConnection, driver: Option<Driver>) -> Self {
        Self {
            multiplexed,
            _driver: driver,
            opened_at: Instant::now(),
            last_reply: AtomicU64::new(0),
            abandoned: AtomicU32::new(0),
            is_checking: Arc::default(),
            round_trip: Duration::ZERO,
            queues: BatchQueues::default(),
        }
    }

    /// Sets the duration of the handshake.
    pub(super) fn with_round_trip(self, round_trip: Duration) -> Self {
        Self { round_trip, ..self }
    }

    /// Sends commands in one pipeline. Each reply may be an error.
    pub(super) async fn send_all(&self, commands: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let replies = self.multiplexed.clone().send_packed_commands(commands, 0, commands.len()).await?;
        self.record_reply();
        Ok(replies)
    }

    pub(in crate::backend::redis) async fn send(&self, command: &Cmd) -> Result<Value, RedisError> {
        let reply = self.multiplexed.clone().send_packed_command(command).await?;
        // A reply counts even if its caller has given up.
        self.record_reply();
        reply.extract_error()
    }

    /// Sends a command to a node to which its hash slot is migrating, directly after `ASKING`.
    pub(in crate::backend::redis) async fn send_asking(&self, command: Cmd) -> Result<Value, RedisError> {
        let mut both = Pipeline::with_capacity(2);
        both.add_command(redis::cmd("ASKING")).add_command(command);
        let mut replies = self.multiplexed.clone().send_packed_commands(&both, 1, 1).await?;
        self.record_reply();
        replies.pop().unwrap_or(Value::Nil).extract_error()
    }

    /// Returns the age of the connection in microseconds.
    pub(super) fn age(&self) -> u64 {
        micros(self.opened_at.elapsed())
    }

    /// Records a reply.
    pub(super) fn record_reply(&self) {
        self.last_reply.fetch_max(self.age(), Ordering::Relaxed);
        self.abandoned.store(0, Ordering::Relaxed);
    }

    /// Whether a reply arrived after that age. Replies arrive in the order of requests, so the server works.
    pub(super) fn has_replied_since(&self, age: u64) -> bool {
        self.last_reply.load(Ordering::Relaxed) > age
    }

    /// Counts a request that was given up before any reply arrived. Returns the number of such requests in a
    /// row.
    pub(super) fn record_abandoned(&self) -> u32 {
        self.abandoned.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Returns how long a server may take to reply to a `PING`: four times as long as the handshake took, at
    /// least `least`, and at most one second.
    pub(super) fn ping_timeout(&self, least: Duration) -> Duration {
        self.round_trip.saturating_mul(4).clamp(least, MAX_PING_TIMEOUT)
    }

    /// Reserves the check of this connection, unless a check is in progress.
    pub(super) fn begin_check(&self) -> Option<Check> {
        let is_first = !self.is_checking.swap(true, Ordering::AcqRel);
        is_first.then(|| Check(Arc::clone(&self.is_checking)))
    }
}

/// A check of a connection. It ends when this value is dropped, also if the runtime shuts down.
pub(super) struct Check(Arc<AtomicBool>);

impl Drop for Check {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The maximum time to wait for the reply to a `PING`.
const MAX_PING_TIMEOUT: Duration = Duration::from_secs(1);
