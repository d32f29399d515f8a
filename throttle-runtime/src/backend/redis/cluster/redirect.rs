//! Nodes that send on to other ones: nothing ran there.

use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};

use super::topology::Address;
use crate::backend::redis::connect::Connection;

/// Where a request belongs.
pub(in crate::backend::redis) struct Redirect {
    pub(super) to: Address,
    /// Whether only this one does, as its slot is on the move.
    pub(super) asking: bool,
}

impl Redirect {
    pub(in crate::backend::redis) fn of(error: &RedisError, from: &Address) -> Option<Self> {
        let (to, _) = error.redirect_node()?;
        let (host, port) = to.rsplit_once(':')?;
        let host = if host.is_empty() { &from.host } else { host };
        let to = Address { host: host.to_owned(), port: port.parse().ok()? };
        Some(Self { to, asking: error.kind() == ErrorKind::Server(ServerErrorKind::Ask) })
    }

    /// Sends a request to where it belongs.
    pub(super) async fn send(&self, connection: &Connection, command: Cmd) -> Result<Value, RedisError> {
        if self.asking { connection.send_asking(command).await } else { connection.send(&command).await }
    }
}

/// Whether what is known about the cluster may be wrong.
pub(in crate::backend::redis) fn speaks_against_map(error: &RedisError) -> bool {
    use ServerErrorKind::{ClusterDown, Moved, TryAgain};
    [Moved, ClusterDown, TryAgain].into_iter().any(|kind| error.kind() == ErrorKind::Server(kind))
}
