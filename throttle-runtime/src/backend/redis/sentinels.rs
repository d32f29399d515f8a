//! Sentinels, who know which server is the master now.
//!
//! Those of the client crate take the time that they take: they keep connections to sentinels, which may hang, and
//! verify the role of a server on a connection of its own, with timeouts that nobody else knows of.

use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, ConnectionInfo};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::{address, connector, failure};
use crate::{BackendError, ErrorKind};

/// How long one sentinel is waited for before the next one is asked as well.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long all of them may take together: the rest of an attempt is for the master.
const ALL: Duration = Duration::from_millis(600);

/// Sentinels, and whom they are asked for.
pub(super) struct Sentinels {
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
        let end = Instant::now() + ALL;
        // All processes that lose a master together do not ask the same sentinel.
        let (before, from) = self.clients.split_at(connector::random_index(self.clients.len()));
        let mut others = from.iter().chain(before);
        let mut asked = JoinSet::new();
        let mut why = None;
        loop {
            let patience = match others.next() {
                Some(sentinel) => {
                    asked.spawn(ask(sentinel.clone(), self.name.clone()));
                    Instant::now() + PATIENCE
                }
                None => end,
            };
            match timeout_at(patience.min(end), asked.join_next()).await {
                Ok(Some(Ok(Ok(address)))) => return self.client(address),
                Ok(Some(Ok(Err(error)))) => why = Some(error),
                Ok(None) => break,
                Err(_) if Instant::now() >= end => break,
                // Who is late may still be the first to answer.
                Ok(Some(Err(_))) | Err(_) => {}
            }
        }
        Err(why.unwrap_or_else(silent))
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
