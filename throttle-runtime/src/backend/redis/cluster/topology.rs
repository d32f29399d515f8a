//! What a node says about its cluster.

use std::fmt;

use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisError, Value};

use crate::backend::redis::connect::around::{self, ALL};
use crate::backend::redis::connect::{address, connector};
use crate::backend::redis::failure::{self, nonsense};
use crate::{BackendError, ErrorKind};

/// Where a node is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::backend::redis) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    /// The address of a server, unless it is the path of a socket.
    pub(in crate::backend::redis) fn of(server: &ConnectionInfo) -> Option<Self> {
        match server.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some(Self { host: host.clone(), port: *port })
            }
            _ => None,
        }
    }

    /// A client of that node: in all else it is reached as the others are.
    pub(in crate::backend::redis) fn client(&self, how: &ConnectionInfo) -> Result<Client, BackendError> {
        let failed = |error| failure::backend_error("the address of a node makes no sense", error);
        Client::open(address::moved(how, self.host.clone(), self.port)).map_err(failed)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Hash slots, from the first one to the last one, and the master that they are at.
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) master: Address,
}

/// All ranges, by the node that answers first.
pub(super) async fn ask(nodes: &[Client]) -> Result<Vec<Range>, BackendError> {
    around::first_answer(nodes, ask_one).await.map_err(|why| {
        let silent = || BackendError::new(ErrorKind::Timeout, format!("no node answered within {ALL:?}"));
        why.unwrap_or_else(silent)
    })
}

async fn ask_one(node: Client) -> Result<Vec<Range>, BackendError> {
    let failed = |error: RedisError| failure::backend_error("cannot ask a node of the cluster", error);
    let mut connection = connector::open(&node, AsyncConnectionConfig::new()).await.map_err(failed)?;
    let (mut state, mut slots) = (redis::cmd("CLUSTER"), redis::cmd("CLUSTER"));
    state.arg("INFO");
    slots.arg("SLOTS");
    // Whoever is cut off from the others does not know what they have agreed on meanwhile.
    let state: Result<String, RedisError> = state.query_async(&mut connection).await;
    if state.is_ok_and(|state| state.contains("cluster_state:fail")) {
        return Err(BackendError::new(ErrorKind::Store, "a node says that the cluster is down"));
    }
    let slots: Value = slots.query_async(&mut connection).await.map_err(failed)?;
    let asked = Address::of(node.get_connection_info()).ok_or_else(nonsense)?;
    let Value::Array(slots) = slots else { return Err(nonsense()) };
    slots.iter().map(|range| read(range, &asked)).collect::<Option<_>>().ok_or_else(nonsense)
}

fn read(range: &Value, asked: &Address) -> Option<Range> {
    let Value::Array(range) = range else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = &range[..] else { return None };
    let [host, Value::Int(port), ..] = &master[..] else { return None };
    let host = match host {
        // It does not know by which address it was asked.
        Value::Nil => asked.host.clone(),
        Value::BulkString(host) if host.is_empty() => asked.host.clone(),
        Value::BulkString(host) => String::from_utf8(host.clone()).ok()?,
        Value::SimpleString(host) => host.clone(),
        _ => return None,
    };
    let port = u16::try_from(*port).ok()?;
    Some(Range {
        first: u16::try_from(*first).ok()?,
        last: u16::try_from(*last).ok()?,
        master: Address { host, port },
    })
}
