//! Requests that are let in, and what it says about a server that they are given up.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;

use super::connection::Connection;
use super::slot::Slot;
use crate::{BackendError, ErrorKind};

/// So many requests in a row that were given up while nothing came back, and the connection is replaced.
const SILENT: u32 = 3;

/// Who gives up earlier than that has said nothing about the server: clients hang up at any time.
const PATIENCE: Duration = Duration::from_millis(10);

impl Slot {
    /// Lets a request in. It fails at once if there is no connection, or if too many requests wait already.
    pub(in crate::backend::redis) fn enter(self: &Arc<Self>) -> Result<Visit<'_>, BackendError> {
        let permit = self.in_flight.try_acquire().map_err(|_| {
            let text = format!("{} requests wait for Redis already", self.max_in_flight);
            BackendError::new(ErrorKind::Timeout, text).nothing_charged()
        })?;
        let connection = self.connection()?;
        let since = connection.age();
        Ok(Visit { slot: self, connection, since, over: false, _permit: permit })
    }
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
        if self.over || connection.has_answered_since(self.since) || waited < PATIENCE {
            return;
        }
        if connection.give_up() >= SILENT {
            let text = format!("Redis did not answer {SILENT} requests in a row");
            self.slot.lose(connection, BackendError::new(ErrorKind::Timeout, text));
        }
    }
}
