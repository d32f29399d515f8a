//! Queries sentinels for the current master.
//!
//! The sentinel client of the client crate is not used, because its duration cannot be bounded. It keeps
//! connections to sentinels, which may hang. It also verifies the role of a server on a separate connection
//! with its own timeouts.
//!
//! The sentinels are queried before each connection, and their announcements are not used. A relevant failover
//! breaks the connection, or ends it with an error that shows that the server is no master.

use std::time::Duration;

use redis::{Client, ConnectionInfo};

use super::options::Options;
use super::progress::Progress;
use super::{hedged, open, url};
use crate::backend::redis::errors;
use crate::error::{BackendError, ErrorKind};

/// The sentinels of a master.
pub(in crate::backend::redis) struct Sentinels {
    clients: Vec<Client>,
    /// The name of the master.
    name: String,
    /// How to connect to the master. The address in it is unused.
    settings: ConnectionInfo,
}

impl Sentinels {
    pub(in crate::backend::redis) const fn new(
        clients: Vec<Client>,
        name: String,
        settings: ConnectionInfo,
    ) -> Self {
        Self { clients, name, settings }
    }

    /// Returns a client for the master, from the first reply. The sentinels are queried each time, because a
    /// lost connection often means that the master has changed.
    pub(super) async fn master(
        &self,
        options: &Options,
        progress: &Progress,
    ) -> Result<Client, BackendError> {
        progress.begin("querying the sentinels for the master");
        let limit = options.discovery_timeout();
        let query = |sentinel| query(sentinel, self.name.clone(), options.clone());
        match hedged::first_reply(&self.clients, limit, query).await {
            Ok((host, port)) => self.client(options.map(host, port)),
            Err(error) => Err(error.unwrap_or_else(|| timed_out(limit))),
        }
    }

    fn client(&self, (host, port): (String, u16)) -> Result<Client, BackendError> {
        let failed = |error| errors::backend_error("the address of the master is invalid", &error);
        Client::open(url::with_address(&self.settings, host, port)).map_err(failed)
    }
}

/// Queries one sentinel.
async fn query(sentinel: Client, name: String, options: Options) -> Result<(String, u16), BackendError> {
    let failed = |error| errors::backend_error("a sentinel cannot be queried", &error);
    let options =
        Options { protocol: Some(sentinel.get_connection_info().redis_settings().protocol()), ..options };
    let unreachable =
        |error: BackendError| BackendError::with_source(error.kind(), "a sentinel cannot be queried", error);
    let mut link = open::open(&sentinel, &options, &Progress::default()).await.map_err(unreachable)?;
    let mut command = redis::cmd("SENTINEL");
    let command = command.arg("GET-MASTER-ADDR-BY-NAME").arg(&name);
    let address: Option<(String, u16)> = command.query_async(&mut link.multiplexed).await.map_err(failed)?;
    address.ok_or_else(|| {
        BackendError::new(ErrorKind::Store, format!("the sentinels have no master with the name {name:?}"))
    })
}

fn timed_out(limit: Duration) -> BackendError {
    BackendError::new(ErrorKind::Timeout, format!("no sentinel responded within {limit:?}"))
}
