//! Sends requests on the connection in use.

use std::sync::Arc;

use redis::{Cmd, Value};

use super::handle::Slot;
use super::shared::Connection;
use crate::backend::redis::errors;
use crate::backend::redis::errors::Refusal;

impl Slot {
    /// Sends one request.
    pub(in crate::backend::redis) async fn send(self: &Arc<Self>, command: Cmd) -> Result<Value, Refusal> {
        let visit = self.enter()?;
        let answer = self.ask(&visit.connection, command).await;
        visit.over();
        answer
    }

    /// Sends one command on a connection. If a cluster node redirects it, the node has not executed it, so it
    /// is sent to the other node, once.
    pub(in crate::backend::redis) async fn ask(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        command: Cmd,
    ) -> Result<Value, Refusal> {
        let error = match connection.send(&command).await {
            Ok(answer) => return Ok(answer),
            Err(error) => self.heed(connection, error),
        };
        match self.server.follow(&error, command, &self.options) {
            Some(redirected) => {
                connection.hear();
                redirected.await
            }
            None => Err(errors::refusal(&error)),
        }
    }
}
