//! Requests that wait for a server, and the conclusions from requests that their callers give up.
//!
//! A request that is given up is no evidence by itself. Clients hang up at any time, timeouts may be shorter
//! than a round trip, and a process that was paused gives up requests whose replies are already in the socket.
//! After several such requests in a row, the server is sent a `PING`. Only if it does not reply, the connection
//! is replaced.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::SemaphorePermit;

use super::handle::Slot;
use super::shared::Connection;
use crate::util::deadline;
use crate::{BackendError, ErrorKind};

/// The number of requests in a row, given up without any reply, after which the server is sent a `PING`.
const SILENT: u32 = 3;

/// A caller that gives up after this time has waited for the server, whatever its reason.
const LONG: Duration = Duration::from_millis(10);

/// The minimum time to wait for the reply to a `PING`: after timeouts, and after callers that gave up early.
const PATIENCE: Duration = Duration::from_millis(20);
const PATIENCE_WITH_CALLERS: Duration = Duration::from_millis(250);

impl Slot {
    /// Admits a request. Fails immediately without a connection, or if too many requests wait already.
    pub(in crate::backend::redis) fn enter(self: &Arc<Self>) -> Result<Visit<'_>, BackendError> {
        let permit = self.in_flight.try_acquire().map_err(|_| {
            let text = format!("{} requests wait for Redis already", self.max_in_flight);
            BackendError::new(ErrorKind::Timeout, text).nothing_charged()
        })?;
        let connection = self.connection()?;
        let since = connection.age();
        Ok(Visit { slot: self, connection, since, over: false, _permit: permit })
    }

    /// Sends a `PING`, and replaces the connection if there is no reply.
    fn check(self: &Arc<Self>, connection: &Arc<Connection>, patience: Duration) {
        let Ok(runtime) = Handle::try_current() else { return };
        let Some(check) = connection.begin_check() else { return };
        let (slot, connection) = (Arc::clone(self), Arc::clone(connection));
        runtime.spawn(async move {
            let _check = check;
            let ping = redis::cmd("PING");
            match deadline::timeout(connection.patience(patience), connection.send(&ping)).await {
                Ok(Ok(_)) => {}
                // A server that rejects the command is reachable.
                Ok(Err(error)) => drop(slot.heed(&connection, error)),
                Err(_) => {
                    let text = format!("Redis did not answer {SILENT} requests in a row, and then no PING");
                    slot.lose(&connection, BackendError::new(ErrorKind::Timeout, text));
                }
            }
        });
    }
}

/// A request that waits for its reply. If it is dropped before [`over`](Self::over), its caller gave up.
pub(in crate::backend::redis) struct Visit<'a> {
    slot: &'a Arc<Slot>,
    pub(in crate::backend::redis) connection: Arc<Connection>,
    since: u64,
    over: bool,
    _permit: SemaphorePermit<'a>,
}

impl Visit<'_> {
    /// Records the reply.
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
