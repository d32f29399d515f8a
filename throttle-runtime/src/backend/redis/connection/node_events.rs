//! The events that a connection reports to its cluster. Alone so that connections do not import the cluster.

use std::pin::Pin;
use std::sync::Arc;

use redis::{Cmd, Value};

use super::address::Address;
use super::redirect::Redirect;
use crate::backend::redis::errors::RequestError;

/// The reply to a redirected request. Boxed, because only requests to a node that has lost a hash slot need it.
pub(in crate::backend::redis) type Redirected =
    Pin<Box<dyn Future<Output = Result<Value, RequestError>> + Send>>;

/// Receives the events of the nodes of a cluster.
pub(in crate::backend::redis) trait NodeEvents: Send + Sync {
    /// The connection to a node was lost, or an attempt to connect to it failed.
    fn lost(self: Arc<Self>, address: &Address);

    /// A node returned an error which indicates that the slot map is outdated.
    fn mark_stale(self: Arc<Self>);

    /// Sends a redirected request to the node that it belongs to, once.
    fn follow(self: Arc<Self>, redirect: Redirect, command: Cmd) -> Redirected;
}
