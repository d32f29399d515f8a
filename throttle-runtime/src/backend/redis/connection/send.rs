//! Sends requests on the connection in use.

use std::sync::Arc;

use redis::{Cmd, Value};

use super::handle::ConnectionHandle;
use super::shared::Connection;
use crate::backend::redis::errors;
use crate::backend::redis::errors::RequestError;

impl ConnectionHandle {
    /// Sends one request.
    pub(in crate::backend::redis) async fn send(
        self: &Arc<Self>,
        command: Cmd,
    ) -> Result<Value, RequestError> {
        let in_flight = self.begin_request()?;
        let reply = self.send_on(&in_flight.connection, command).await;
        in_flight.complete();
        reply
    }

    /// Sends one command on a connection. If a cluster node redirects it, the node has not executed it, so it
    /// is sent to the other node, once.
    pub(in crate::backend::redis) async fn send_on(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        command: Cmd,
    ) -> Result<Value, RequestError> {
        let error = match connection.send(&command).await {
            Ok(reply) => return Ok(reply),
            Err(error) => self.handle_error(connection, error),
        };
        match self.locator.follow(&error, command, &self.options) {
            Some(redirected) => {
                connection.record_reply();
                redirected.await
            }
            None => Err(errors::request_error(&error)),
        }
    }
}
