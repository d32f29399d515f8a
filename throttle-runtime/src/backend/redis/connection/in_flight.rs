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

use super::handle::ConnectionHandle;
use super::shared::Connection;
use crate::error::{BackendError, ErrorKind};
use crate::util::deadline;

/// The number of requests in a row, given up without any reply, after which the server is sent a `PING`.
const MAX_ABANDONED: u32 = 3;

/// A caller that gives up after this time has waited for the server, whatever its reason.
const LONG_WAIT: Duration = Duration::from_millis(10);

/// The minimum time to wait for the reply to a `PING`: after timeouts, and after callers that gave up early.
const PING_TIMEOUT: Duration = Duration::from_millis(20);
const PING_TIMEOUT_AFTER_EARLY_CALLERS: Duration = Duration::from_millis(250);

impl ConnectionHandle {
    /// Admits a request. Fails immediately without a connection, or if too many requests wait already.
    pub(in crate::backend::redis) fn begin_request(
        self: &Arc<Self>,
    ) -> Result<InFlightGuard<'_>, BackendError> {
        let permit = self.in_flight.try_acquire().map_err(|_| {
            let text = format!("{} requests already wait for Redis", self.max_in_flight);
            BackendError::new(ErrorKind::Timeout, text).safe_to_retry()
        })?;
        let connection = self.connection()?;
        let began_at = connection.age();
        Ok(InFlightGuard { handle: self, connection, began_at, is_complete: false, _permit: permit })
    }

    /// Sends a `PING`, and replaces the connection if there is no reply.
    fn ping(self: &Arc<Self>, connection: &Arc<Connection>, timeout: Duration) {
        let Ok(runtime) = Handle::try_current() else { return };
        let Some(check) = connection.begin_check() else { return };
        let (handle, connection) = (Arc::clone(self), Arc::clone(connection));
        runtime.spawn(async move {
            let _check = check;
            let ping = redis::cmd("PING");
            match deadline::timeout(connection.ping_timeout(timeout), connection.send(&ping)).await {
                Ok(Ok(_)) => {}
                // A server that rejects the command is reachable.
                Ok(Err(error)) => drop(handle.handle_error(&connection, error)),
                Err(_) => {
                    let text =
                        format!("Redis did not respond to {MAX_ABANDONED} requests in a row, nor to a PING");
                    handle.disconnect(&connection, BackendError::new(ErrorKind::Timeout, text));
                }
            }
        });
    }
}

/// A request that waits for its reply. If it is dropped before [`complete`](Self::complete), its caller gave up.
pub(in crate::backend::redis) struct InFlightGuard<'a> {
    handle: &'a Arc<ConnectionHandle>,
    pub(in crate::backend::redis) connection: Arc<Connection>,
    /// The age of the connection when the request began, in microseconds.
    began_at: u64,
    is_complete: bool,
    _permit: SemaphorePermit<'a>,
}

impl InFlightGuard<'_> {
    /// Records the reply.
    pub(in crate::backend::redis) fn complete(mut self) {
        self.is_complete = true;
        self.connection.record_reply();
    }
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        let connection = &self.connection;
        if self.is_complete || connection.has_replied_since(self.began_at) {
            return;
        }
        let waited = Duration::from_micros(connection.age().saturating_sub(self.began_at));
        let is_evidence = deadline::is_expiring() || waited >= LONG_WAIT;
        if connection.record_abandoned() >= MAX_ABANDONED {
            self.handle
                .ping(connection, if is_evidence { PING_TIMEOUT } else { PING_TIMEOUT_AFTER_EARLY_CALLERS });
        }
    }
}
