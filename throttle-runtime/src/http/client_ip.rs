//! The client address of a request, for functions of the program.

use std::fmt;
use std::net::IpAddr;

use http::request::Parts;

use super::client_lookup::ClientLookup;
use crate::key::Key;

/// The address of a client, as `key = ip` resolves it: behind the [trusted
/// proxies](crate::RegistryBuilder::trusted_proxies) of the active registry, with IPv6 addresses cut to the
/// [prefix](crate::RegistryBuilder::ipv6_prefix).
///
/// It is an extractor that never rejects. It can be an argument of handlers, of middleware, and of all
/// functions of a throttle, such as key, rate and cost functions. As a key, it counts like `key = ip`. In a
/// template it is `{client}`.
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
/// `Display` writes [`group`](Self::group), or `unknown`. `Debug` writes no address, because addresses
/// identify people.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientIp {
    address: Option<IpAddr>,
    group: Option<IpAddr>,
}

impl ClientIp {
    /// The client of a call without a request.
    #[cfg(feature = "axum")]
    pub(crate) const UNKNOWN: Self = Self { address: None, group: None };

    pub(crate) fn of(parts: &Parts, lookup: &ClientLookup) -> Self {
        let client = lookup.client(parts);
        Self { address: client.known(), group: client.or_peer().map(|address| lookup.clients.group(address)) }
    }

    /// Returns the whole address of the client. Returns `None` if the address is unknown: the server passes
    /// on no address, or a trusted proxy did not name the client.
    ///
    /// For an address of NAT64, Teredo or 6to4, it is the IPv4 address inside, if that is a public one.
    /// `allow` and `deny` lists contain a client if they contain this address or the one that was sent.
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Returns the address that `key = ip` counts: IPv4 addresses whole, IPv6 addresses cut to the prefix. If
    /// a trusted proxy did not name the client, it is the address of the proxy. Returns `None` if there is no
    /// address at all.
    pub const fn group(&self) -> Option<IpAddr> {
        self.group
    }
}

impl From<ClientIp> for Key {
    fn from(client: ClientIp) -> Self {
        client.group.map_or_else(|| Self::new(Self::ANONYMOUS), Self::from)
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
