//! A connection that requests of all tasks go through, and how long nothing has come back on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisError, Value};

use super::open::Driver;
use crate::backend::redis::scripted::Lanes;

/// A connection, and how long nothing has come back on it.
pub(in crate::backend::redis) struct Connection {
    multiplexed: MultiplexedConnection,
    _driver: Option<Driver>,
    born: Instant,
    /// When the last answer came, in microseconds from `born`.
    answered: AtomicU64,
    silent: AtomicU32,
    /// Whether a task waits for a sign of life.
    checking: Arc<AtomicBool>,
    /// How long the last step of the handshake took.
    round_trip: Duration,
    /// Where requests that are decided together meet.
    pub(in crate::backend::redis) lanes: Lanes,
}

impl Connection {
    pub(super) fn new(multiplexed: MultiplexedConnection, driver: Option<Driver>) -> Self {
        Self {
            multiplexed,
            _driver: driver,
            born: Instant::now(),
            answered: AtomicU64::new(0),
            silent: AtomicU32::new(0),
            checking: Arc::default(),
            round_trip: Duration::ZERO,
            lanes: Lanes::default(),
        }
    }

    /// The same connection, whose handshake took that long.
    pub(super) fn with_round_trip(self, round_trip: Duration) -> Self {
        Self { round_trip, ..self }
    }

    /// Sends commands together; each answer may be an error.
    pub(super) async fn send_all(&self, commands: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let answers = self.multiplexed.clone().send_packed_commands(commands, 0, commands.len()).await?;
        self.hear();
        Ok(answers)
    }

    pub(in crate::backend::redis) async fn send(&self, command: &Cmd) -> Result<Value, RedisError> {
        let answer = self.multiplexed.clone().send_packed_command(command).await?;
        // Also an answer that no caller waits for any more is one.
        self.hear();
        answer.extract_error()
    }

    /// The same for a slot that is on its way to this node, with nothing in between.
    pub(in crate::backend::redis) async fn send_asking(&self, command: Cmd) -> Result<Value, RedisError> {
        let mut both = Pipeline::with_capacity(2);
        both.add_command(redis::cmd("ASKING")).add_command(command);
        let mut answers = self.multiplexed.clone().send_packed_commands(&both, 1, 1).await?;
        self.hear();
        answers.pop().unwrap_or(Value::Nil).extract_error()
    }

    /// How old it is, in microseconds.
    pub(super) fn age(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// An answer has come.
    pub(super) fn hear(&self) {
        self.answered.fetch_max(self.age(), Ordering::Relaxed);
        self.silent.store(0, Ordering::Relaxed);
    }

    /// Whether an answer has come after that age. Answers come in the order of requests, so then the server is there.
    pub(super) fn has_answered_since(&self, age: u64) -> bool {
        self.answered.load(Ordering::Relaxed) > age
    }

    /// Counts a request that was given up before anything came back; returns how many it are in a row.
    pub(super) fn give_up(&self) -> u32 {
        self.silent.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// How long a server may take for its sign of life: several times as long as when it was connected to, and at
    /// least that long.
    pub(super) fn patience(&self, least: Duration) -> Duration {
        self.round_trip.saturating_mul(4).clamp(least, PATIENCE)
    }

    /// Reserves the check of this connection, unless one is under way.
    pub(super) fn begin_check(&self) -> Option<Check> {
        let is_first = !self.checking.swap(true, Ordering::AcqRel);
        is_first.then(|| Check(Arc::clone(&self.checking)))
    }
}

/// A check of a connection. It ends when this is dropped, also with a runtime that is shut down.
pub(super) struct Check(Arc<AtomicBool>);

impl Drop for Check {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// How long a sign of life is waited for at most.
const PATIENCE: Duration = Duration::from_secs(1);
