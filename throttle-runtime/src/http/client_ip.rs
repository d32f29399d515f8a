//! The client of a request, as functions of the program see it.

use std::fmt;
use std::net::IpAddr;

use http::request::Parts;

use super::source;
use crate::Key;
use crate::registry::Common;

/// The address of a client, as `key = ip` sees it: behind the [trusted proxies](crate::RegistryBuilder::trusted_proxies)
/// of the active registry, with IPv6 addresses cut to the [prefix](crate::RegistryBuilder::ipv6_prefix).
///
/// It is an extractor that never rejects: an argument of key, rate, cost and all other functions of a throttle, of handlers
/// and of middleware. As a key it has the bucket that `key = ip` has. In a template it is `{client}`.
///
/// ```
/// use throttle::{ClientIp, throttle};
///
/// async fn client_and_plan(client: ClientIp) -> (ClientIp, &'static str) { (client, "free") }
///
/// #[throttle(rate = "100/min", key = client_and_plan)]
/// async fn items(client: ClientIp) -> String { format!("hello {client}") }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
/// ```
///
/// `Display` writes [`group`](Self::group), or `unknown`. `Debug` writes no address, because addresses name people.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientIp {
    address: Option<IpAddr>,
    group: Option<IpAddr>,
}

impl ClientIp {
    /// Where there is no request.
    #[cfg(feature = "axum")]
    pub(crate) const UNKNOWN: Self = Self { address: None, group: None };

    pub(crate) fn of(parts: &Parts, common: &Common) -> Self {
        let client = source::client(parts, common);
        Self { address: client.known(), group: client.or_peer().map(|address| common.clients.group(address)) }
    }

    /// The whole address of the client; `None` if it is unknown: the server passes on no address, or a trusted proxy did not
    /// name the client. An address of NAT64, Teredo or 6to4 is the IPv4 address
    /// inside. `allow` and `deny` lists contain a client if they contain this address or the one that was sent.
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The address that `key = ip` counts: IPv4 addresses whole, IPv6 addresses cut to the prefix. Where a trusted proxy did
    /// not name the client, it is the address of the proxy; `None` if there is no address at all.
    pub const fn group(&self) -> Option<IpAddr> {
        self.group
    }
}

impl From<ClientIp> for Key {
    fn from(client: ClientIp) -> Self {
        client.group.map_or_else(|| Self::new(source::ANONYMOUS), Self::from)
    }
}

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            Some(address) => address.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

impl fmt::Debug for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.address.is_some() { "ClientIp(known)" } else { "ClientIp(unknown)" })
    }
}

#[cfg(feature = "axum")]
impl<S: Sync> axum::extract::FromRequestParts<S> for ClientIp {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(crate::Registry::of_request(parts).client_ip(parts))
    }
}
