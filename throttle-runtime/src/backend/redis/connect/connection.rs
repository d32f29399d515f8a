//! A connection that requests of all tasks go through, and how long nothing has come back on it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisError, Value};

use crate::backend::redis::scripted::Lanes;

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

    /// One more request was given up while nothing came: how many it were in a row.
    pub(super) fn give_up(&self) -> u32 {
        self.silent.fetch_add(1, Ordering::Relaxed) + 1
    }
}
