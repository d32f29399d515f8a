//! Nodes that send on to other ones: nothing ran there.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, ErrorKind as Kind, RedisError, ServerErrorKind, Value};

use super::{Address, Cluster};
use crate::backend::redis::connect::{Connection, Options, Slot, closed};
use crate::backend::redis::failure::{self, Refusal};
use crate::{BackendError, ErrorKind, deadline};

/// How long a request that was sent on waits at most. Who asked has a deadline, but who sends it has none.
const SENT_ON: Duration = Duration::from_secs(1);

/// Where a request belongs.
pub(in crate::backend::redis) struct Redirect {
    pub(super) to: Address,
    /// Whether only this one does, as its slot is on the move.
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

    /// Sends a request to where it belongs.
    pub(super) async fn send(&self, connection: &Connection, command: Cmd) -> Result<Value, RedisError> {
        if self.asking { connection.send_asking(command).await } else { connection.send(&command).await }
    }
}

impl Cluster {
    /// Sends a request that ran nowhere to where it belongs, once.
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
                answer.map_err(|error| failure::refusal(&node.heed(&connection, error)))
            }
        }
    }

    /// The node at an address. Slots move to nodes that had none, which nobody lists among the masters before.
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

/// Whether what is known about the cluster may be wrong.
pub(in crate::backend::redis) fn speaks_against_map(error: &RedisError) -> bool {
    use ServerErrorKind::{ClusterDown, Moved, TryAgain};
    [Moved, ClusterDown, TryAgain].into_iter().any(|kind| error.kind() == Kind::Server(kind))
}
