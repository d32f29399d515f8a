//! Redirects to other nodes. The node that redirects a request has not executed it.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};

use super::Cluster;
use crate::backend::redis::connection::{Address, ConnectionHandle, Redirect, closed};
use crate::backend::redis::errors;
use crate::backend::redis::errors::RequestError;
use crate::error::{BackendError, ErrorKind};
use crate::util::deadline;

/// The timeout of a redirected request. The caller has a timeout, but the task that redirects requests of a
/// batch has none.
const REDIRECT_TIMEOUT: Duration = Duration::from_secs(1);

impl Cluster {
    /// Sends a redirected request to the node that it belongs to, once.
    pub(super) async fn send_redirected(
        self: &Arc<Self>,
        redirect: Redirect,
        command: Cmd,
    ) -> Result<Value, RequestError> {
        let node = self.node_at(&redirect.to).map_err(BackendError::safe_to_retry)?;
        let in_flight = node.begin_request()?;
        match deadline::timeout(REDIRECT_TIMEOUT, redirect.send(&in_flight.connection, command)).await {
            Err(_) => {
                let text =
                    format!("the node that a redirection names did not respond within {REDIRECT_TIMEOUT:?}");
                Err(BackendError::new(ErrorKind::Timeout, text).into())
            }
            Ok(reply) => {
                let connection = Arc::clone(&in_flight.connection);
                in_flight.complete();
                reply.map_err(|error| errors::request_error(&node.handle_error(&connection, error)))
            }
        }
    }

    /// Returns the node at an address. Hash slots may migrate to nodes that had none, which the slot map does
    /// not list yet.
    fn node_at(self: &Arc<Self>, address: &Address) -> Result<Arc<ConnectionHandle>, BackendError> {
        if let Some(node) = self.map().find(address) {
            return Ok(Arc::clone(node));
        }
        let node = self.new_node(address, None)?;
        let mut map = self.write();
        if map.closed {
            return Err(closed());
        }
        Ok(Arc::clone(Arc::make_mut(&mut map).unlisted.entry(address.clone()).or_insert(node)))
    }
}
