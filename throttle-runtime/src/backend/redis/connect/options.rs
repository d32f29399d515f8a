//! How connections are made, for all servers of a backend.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use redis::ProtocolVersion;

/// How long one attempt may take unless configured otherwise, with everything that makes a connection ready for requests.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Where a server is reached that others name by this host and port.
type AddressMap = dyn Fn(&str, u16) -> (String, u16) + Send + Sync;

/// How connections are made.
#[derive(Clone)]
pub(in crate::backend::redis) struct Options {
    pub(in crate::backend::redis) timeout: Duration,
    pub(in crate::backend::redis) addresses: Option<Arc<AddressMap>>,
    /// The version that a URL names.
    pub(super) protocol: Option<ProtocolVersion>,
    /// What the names of all states begin with.
    pub(super) namespace: Arc<str>,
    /// Whether a server has turned out to support RESP2 only.
    pub(super) only_resp2: Arc<AtomicBool>,
}

impl Options {
    pub(super) fn new(protocol: Option<ProtocolVersion>) -> Self {
        Self {
            timeout: TIMEOUT,
            addresses: None,
            protocol,
            namespace: Arc::default(),
            only_resp2: Arc::default(),
        }
    }

    /// Where a server is reached that sentinels or nodes of a cluster name by this host and port.
    pub(in crate::backend::redis) fn map(&self, host: String, port: u16) -> (String, u16) {
        match &self.addresses {
            Some(map) => map(&host, port),
            None => (host, port),
        }
    }

    /// How much of an attempt may go into asking others where the server is: the rest is for the server.
    pub(in crate::backend::redis) fn for_others(&self) -> Duration {
        self.timeout.saturating_mul(3) / 5
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timeout, protocol, .. } = self;
        f.debug_struct("Options")
            .field("timeout", timeout)
            .field("protocol", protocol)
            .finish_non_exhaustive()
    }
}
