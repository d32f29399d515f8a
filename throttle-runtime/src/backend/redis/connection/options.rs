//! Connection options for all servers of a backend.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use redis::ProtocolVersion;

/// The default timeout of one attempt to connect, with everything that makes a connection ready for requests.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Maps a reported host and port to the host and port to connect to.
type AddressMap = dyn Fn(&str, u16) -> (String, u16) + Send + Sync;

/// Connection options.
#[derive(Clone)]
pub(in crate::backend::redis) struct Options {
    pub(in crate::backend::redis) timeout: Duration,
    pub(in crate::backend::redis) address_map: Option<Arc<AddressMap>>,
    /// The protocol version that a URL names.
    pub(in crate::backend::redis) protocol: Option<ProtocolVersion>,
    /// The prefix of the Redis keys of all states.
    pub(in crate::backend::redis) namespace: Arc<str>,
    /// Whether a server was found to support only RESP2.
    pub(in crate::backend::redis) only_resp2: Arc<AtomicBool>,
}

impl Options {
    pub(in crate::backend::redis) fn new(protocol: Option<ProtocolVersion>) -> Self {
        Self {
            timeout: TIMEOUT,
            address_map: None,
            protocol,
            namespace: Arc::default(),
            only_resp2: Arc::default(),
        }
    }

    /// Returns where to connect to for a host and port that a sentinel or a cluster node reports.
    pub(in crate::backend::redis) fn map(&self, host: String, port: u16) -> (String, u16) {
        match &self.address_map {
            Some(map) => map(&host, port),
            None => (host, port),
        }
    }

    /// Returns how much of the timeout may be used to find the server. The rest is for the server itself.
    pub(in crate::backend::redis) fn discovery_timeout(&self) -> Duration {
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
