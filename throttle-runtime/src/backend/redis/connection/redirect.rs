//! Errors of cluster nodes that name another node. Alone because connections and the cluster read them.

use redis::{Cmd, ErrorKind as Kind, RedisError, ServerErrorKind, Value};

use super::address::Address;
use super::options::Options;
use super::shared::Connection;

/// The node that a request belongs to.
pub(in crate::backend::redis) struct Redirect {
    pub(in crate::backend::redis) to: Address,
    /// Whether the redirect is for this request only, because its hash slot is migrating.
    asking: bool,
}

impl Redirect {
    pub(super) fn of(error: &RedisError, from: &Address, options: &Options) -> Option<Self> {
        let (to, _) = error.redirect_node()?;
        let (host, port) = to.rsplit_once(':')?;
        let to = from.reported(host.to_owned(), port.parse().ok()?, options);
        Some(Self { to, asking: error.kind() == Kind::Server(ServerErrorKind::Ask) })
    }

    /// Sends a request to the node that it belongs to.
    pub(in crate::backend::redis) async fn send(
        &self,
        connection: &Connection,
        command: Cmd,
    ) -> Result<Value, RedisError> {
        if self.asking { connection.send_asking(command).await } else { connection.send(&command).await }
    }
}

/// Whether an error indicates that the slot map is outdated.
pub(super) fn indicates_stale_map(error: &RedisError) -> bool {
    use ServerErrorKind::{ClusterDown, Moved, TryAgain};
    [Moved, ClusterDown, TryAgain].into_iter().any(|kind| error.kind() == Kind::Server(kind))
}
