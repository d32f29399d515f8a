//! Requests that wait for a server, and what it means when callers give them up.
//!
//! A request that is given up says nothing by itself: clients hang up at any time, deadlines may be shorter than a round
//! trip, and a process that was paused gives up requests whose replies lie in the socket. After several in a row the
//! server is asked for a sign of life, and only its silence replaces the connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::SemaphorePermit;

use super::connection::Connection;
use super::slot::Slot;
use crate::{BackendError, ErrorKind, deadline};

/// After this many requests in a row that were given up without any reply, the server is sent a `PING`.
const SILENT: u32 = 3;

/// A caller that hangs up after this time has waited for the server, whatever made it hang up.
const LONG: Duration = Duration::from_millis(10);

/// How long a sign of life is waited for, at least: after deadlines, and after callers that hung up early.
const PATIENCE: Duration = Duration::from_millis(20);
const PATIENCE_WITH_CALLERS: Duration = Duration::from_millis(250);

impl Slot {
    /// Admits a request. Fails immediately without a connection, or when too many requests wait already.
    pub(in crate::backend::redis) fn enter(self: &Arc<Self>) -> Result<Visit<'_>, BackendError> {
        let permit = self.in_flight.try_acquire().map_err(|_| {
            let text = format!("{} requests wait for Redis already", self.max_in_flight);
            BackendError::new(ErrorKind::Timeout, text).nothing_charged()
        })?;
        let connection = self.connection()?;
        let since = connection.age();
        Ok(Visit { slot: self, connection, since, over: false, _permit: permit })
    }

    /// Replaces a connection on which a `PING` is not answered either.
    fn check(self: &Arc<Self>, connection: &Arc<Connection>, patience: Duration) {
        let Ok(runtime) = Handle::try_current() else { return };
        let Some(check) = connection.begin_check() else { return };
        let (slot, connection) = (Arc::clone(self), Arc::clone(connection));
        runtime.spawn(async move {
            let _check = check;
            let ping = redis::cmd("PING");
            match deadline::timeout(connection.patience(patience), connection.send(&ping)).await {
                Ok(Ok(_)) => {}
                // A server that refuses the command is there.
                Ok(Err(error)) => drop(slot.heed(&connection, error)),
                Err(_) => {
                    let text = format!("Redis did not answer {SILENT} requests in a row, and then no PING");
                    slot.lose(&connection, BackendError::new(ErrorKind::Timeout, text));
                }
            }
        });
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
        if self.over || connection.has_answered_since(self.since) {
            return;
        }
        let waited = Duration::from_micros(connection.age().saturating_sub(self.since));
        let is_evidence = deadline::is_expiring() || waited >= LONG;
        if connection.give_up() >= SILENT {
            self.slot.check(connection, if is_evidence { PATIENCE } else { PATIENCE_WITH_CALLERS });
        }
    }
}
