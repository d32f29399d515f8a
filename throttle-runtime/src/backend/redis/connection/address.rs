//! The address of a cluster node.

use std::fmt;

use redis::{Client, ConnectionAddr, ConnectionInfo};

use super::options::Options;
use super::url;
use crate::backend::redis::errors;
use crate::error::BackendError;

/// The address of a node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::backend::redis) struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Returns the address of a server, unless it is the path of a socket.
    pub(in crate::backend::redis) fn of(server: &ConnectionInfo) -> Option<Self> {
        match server.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some(Self { host: host.clone(), port: *port })
            }
            _ => None,
        }
    }

    /// Returns the address of a node that this node reports. A reported node without a known address has the
    /// host of this node.
    pub(in crate::backend::redis) fn reported(&self, host: String, port: u16, options: &Options) -> Self {
        let host = if host.is_empty() || host == "?" { self.host.clone() } else { host };
        let (host, port) = options.map(host, port);
        Self { host, port }
    }

    /// Creates a client for this node, with the settings in `settings`.
    pub(in crate::backend::redis) fn client(
        &self,
        settings: &ConnectionInfo,
    ) -> Result<Client, BackendError> {
        let failed = |error| errors::backend_error("the address of a node is invalid", &error);
        Client::open(url::with_address(settings, self.host.clone(), self.port)).map_err(failed)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
