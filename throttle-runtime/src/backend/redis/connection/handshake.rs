//! The handshake that makes a connection ready for requests, in one round trip.
//!
//! After the login, the handshake sends `PING`, `ROLE`, all scripts, and a [probe](super::probe) that decides
//! on a key of its own. A server that can never decide is not used. Temporary errors, such as `OOM`, do not
//! fail the probe.

use std::time::Instant;

use redis::{Pipeline, Value};
use tokio::sync::oneshot;

use super::connect_error;
use super::handle::ConnectionHandle;
use super::open::open;
use super::probe::Probe;
use super::progress::Progress;
use super::shared::Connection;
use crate::backend::redis::scripts;
use crate::error::{BackendError, ErrorKind};

/// Connects to a master, loads all scripts, and probes it. Returns the connection, and a receiver that
/// completes when the connection is lost.
pub(super) async fn open_ready(
    handle: &ConnectionHandle,
    progress: &Progress,
) -> Result<(Connection, oneshot::Receiver<()>), BackendError> {
    let options = &handle.options;
    let client = handle.locator.locate(options, progress).await?;
    let link = open(&client, options, progress).await?;
    let address = client.get_connection_info().addr();
    progress.begin(format!("checking {address} and loading scripts"));
    let (greeting, lost) = (link.greeting, link.lost);
    let key = handle.locator.probe_key(&options.namespace);
    let probe = key.as_deref().map(|key| Probe { address, key });
    let begun = Instant::now();
    let connection = Connection::new(link.multiplexed, link.driver);
    let replies = connection.send_all(&commands(probe.as_ref())).await;
    let mut replies = replies.map_err(|error| connect_error::explain(address, &greeting, &error))?;
    let connection = connection.with_round_trip(begun.elapsed());
    let probed =
        replies.split_off(replies.len().saturating_sub(probe.as_ref().map_or(0, |_| Probe::COMMANDS)));
    let mut replies = replies.into_iter();
    // A server that is loading, is busy or rejects the login reports it here.
    let ping = replies.next().unwrap_or(Value::Nil).extract_error();
    ping.map_err(|error| connect_error::explain(address, &greeting, &error))?;
    // If only a failing request noticed the role, each reconnection would find the same server and fail the
    // next request.
    if let Some(role) = replies.next().as_ref().and_then(other_role) {
        return Err(BackendError::new(
            ErrorKind::Store,
            format!("the server is not a master: its role is {role}"),
        ));
    }
    if let Some(probe) = probe {
        probe.read(probed, &connection).await?;
    }
    Ok((connection, lost))
}

/// Commands of the handshake may fail. A user without permission to load scripts may still run them. For a user
/// without permission for `ROLE`, requests find out the role.
fn commands(probe: Option<&Probe<'_>>) -> Pipeline {
    let mut commands = Pipeline::new();
    commands.cmd("PING").cmd("ROLE");
    for script in scripts::all() {
        commands.cmd("SCRIPT").arg("LOAD").arg(&script.text);
    }
    if let Some(probe) = probe {
        probe.add_to(&mut commands);
    }
    commands
}

/// Returns the role of a server that is not a master.
fn other_role(reply: &Value) -> Option<String> {
    let Value::Array(role) = reply else { return None };
    let Some(Value::BulkString(role)) = role.first() else { return None };
    (role != b"master").then(|| String::from_utf8_lossy(role).into_owned())
}
