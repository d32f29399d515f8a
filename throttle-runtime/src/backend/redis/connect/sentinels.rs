//! Sentinels, who know which server is the master now.
//!
//! Those of the client crate take the time that they take: they keep connections to sentinels, which may hang, and
//! verify the role of a server on a connection of its own, with timeouts that nobody else knows of.

use redis::{AsyncConnectionConfig, Client, ConnectionInfo};

use super::around::{self, ALL};
use super::{address, connector};
use crate::backend::redis::failure;
use crate::{BackendError, ErrorKind};

/// Sentinels, and whom they are asked for.
pub(in crate::backend::redis) struct Sentinels {
    clients: Vec<Client>,
    /// The name of the master.
    name: String,
    /// How to connect to the master, wherever it is: the address in it is none.
    how: ConnectionInfo,
}

impl Sentinels {
    pub(super) const fn new(clients: Vec<Client>, name: String, how: ConnectionInfo) -> Self {
        Self { clients, name, how }
    }

    /// The master by the first answer. It is asked for anew each time, since what was known before a connection was
    /// lost is what has changed.
    pub(super) async fn master(&self) -> Result<Client, BackendError> {
        let ask = |sentinel| ask(sentinel, self.name.clone());
        match around::first_answer(&self.clients, ask).await {
            Ok(address) => self.client(address),
            Err(why) => Err(why.unwrap_or_else(silent)),
        }
    }

    fn client(&self, (host, port): (String, u16)) -> Result<Client, BackendError> {
        let failed = |error| failure::backend_error("the address of the master makes no sense", error);
        Client::open(address::moved(&self.how, host, port)).map_err(failed)
    }
}

/// What one sentinel says.
async fn ask(sentinel: Client, name: String) -> Result<(String, u16), BackendError> {
    let failed = |error| failure::backend_error("cannot ask a sentinel", error);
    let mut connection = connector::open(&sentinel, AsyncConnectionConfig::new()).await.map_err(failed)?;
    let mut command = redis::cmd("SENTINEL");
    let command = command.arg("GET-MASTER-ADDR-BY-NAME").arg(&name);
    let address: Option<(String, u16)> = command.query_async(&mut connection).await.map_err(failed)?;
    address.ok_or_else(|| {
        BackendError::new(ErrorKind::Store, format!("a sentinel knows no master of the name {name:?}"))
    })
}

fn silent() -> BackendError {
    BackendError::new(ErrorKind::Timeout, format!("no sentinel answered within {ALL:?}"))
}
