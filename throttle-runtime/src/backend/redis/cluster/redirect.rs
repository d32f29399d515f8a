//! Redirects to other nodes. The node that redirects a request has not executed it.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, ErrorKind as Kind, RedisError, ServerErrorKind, Value};

use super::{Address, Cluster};
use crate::backend::redis::connection::{Connection, Options, Slot, closed};
use crate::backend::redis::errors;
use crate::backend::redis::errors::Refusal;
use crate::util::deadline;
use crate::{BackendError, ErrorKind};

/// The timeout of a redirected request. The caller has a timeout, but the task that redirects requests of a
/// batch has none.
const SENT_ON: Duration = Duration::from_secs(1);

/// The node that a request belongs to.
pub(in crate::backend::redis) struct Redirect {
    pub(super) to: Address,
    /// Whether the redirect is for this request only, because its hash slot is migrating.
    pub(super) asking: bool,
}

impl Redirect {
    pub(in crate::backend::redis) fn of(
        error: &RedisError,
        from: &Address,
        options: &Options,
    ) -> Option<Self> {
        let (to, _) = error.redirect_node()?;
        let (host, port) = to.rsplit_once(':')?;
        let to = from.named(host.to_owned(), port.parse().ok()?, options);
        Some(Self { to, asking: error.kind() == Kind::Server(ServerErrorKind::Ask) })
    }

    /// Sends a request to the node that it belongs to.
    pub(super) async fn send(&self, connection: &Connection, command: Cmd) -> Result<Value, RedisError> {
        if self.asking { connection.send_asking(command).await } else { connection.send(&command).await }
    }
}

impl Cluster {
    /// Sends a redirected request to the node that it belongs to, once.
    pub(in crate::backend::redis) async fn follow(
        self: &Arc<Self>,
        redirect: Redirect,
        command: Cmd,
    ) -> Result<Value, Refusal> {
        let node = self.guest(&redirect.to).map_err(BackendError::nothing_charged)?;
        let visit = node.enter()?;
        match deadline::timeout(SENT_ON, redirect.send(&visit.connection, command)).await {
            Err(_) => {
                let text = format!("a node that a request was sent on to did not answer within {SENT_ON:?}");
                Err(BackendError::new(ErrorKind::Timeout, text).into())
            }
            Ok(answer) => {
                let connection = Arc::clone(&visit.connection);
                visit.over();
                answer.map_err(|error| errors::refusal(&node.heed(&connection, error)))
            }
        }
    }

    /// Returns the node at an address. Hash slots may migrate to nodes that had none, which the slot map does
    /// not list yet.
    fn guest(self: &Arc<Self>, address: &Address) -> Result<Arc<Slot>, BackendError> {
        if let Some(node) = self.map().find(address) {
            return Ok(Arc::clone(node));
        }
        let node = self.node(address, None)?;
        let mut map = self.write();
        if map.closed {
            return Err(closed());
        }
        Ok(Arc::clone(Arc::make_mut(&mut map).guests.entry(address.clone()).or_insert(node)))
    }
}

/// Whether an error indicates that the slot map is outdated.
pub(in crate::backend::redis) fn speaks_against_map(error: &RedisError) -> bool {
    use ServerErrorKind::{ClusterDown, Moved, TryAgain};
    [Moved, ClusterDown, TryAgain].into_iter().any(|kind| error.kind() == Kind::Server(kind))
}
