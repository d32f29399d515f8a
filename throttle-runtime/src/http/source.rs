//! Where the key of a request is read from, if no function says it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::header::COOKIE;
use http::{Extensions, HeaderMap};

use crate::Key;
use crate::plug::Head;

/// Counted per client address: `key = ip`, the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ip;

/// Counted for everybody together: `key = global`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Global;

/// Counted per value of a request header: `key = header("x-api-key")`.
///
/// Anybody can send any value, so something before the throttle must have checked it. A request without
/// the header is counted per client address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header(pub &'static str);

/// Counted per value of a cookie: `key = cookie("session")`.
///
/// Anybody can send any value, so something before the throttle must have checked it. A request without
/// the cookie is counted per client address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie(pub &'static str);

/// The bucket of all whose address is not known.
const ANONYMOUS: &str = "__anonymous__";

/// Reads a key from the request head.
pub(crate) trait KeySource: fmt::Display {
    fn key(&self, head: &Head<'_>) -> Key;
}

impl KeySource for Global {
    fn key(&self, _: &Head<'_>) -> Key {
        Key::global()
    }
}

impl KeySource for Ip {
    fn key(&self, head: &Head<'_>) -> Key {
        match client(head) {
            Some(client) => Key::from(head.common.clients.group(client)),
            None => {
                head.common.warn_once_of_missing_peer();
                Key::new(ANONYMOUS)
            }
        }
    }
}

impl KeySource for Header {
    fn key(&self, head: &Head<'_>) -> Key {
        found_or_ip(head, head.parts.headers.get(self.0).map(http::HeaderValue::as_bytes))
    }
}

impl KeySource for Cookie {
    fn key(&self, head: &Head<'_>) -> Key {
        found_or_ip(head, cookie(&head.parts.headers, self.0))
    }
}

/// The address of the client: that of the peer, unless it is a trusted proxy which names another.
pub(crate) fn client(head: &Head<'_>) -> Option<IpAddr> {
    peer(&head.parts.extensions).map(|peer| head.common.clients.address(peer, &head.parts.headers))
}

/// Tagged, so that no value can imitate an address.
fn found_or_ip(head: &Head<'_>, found: Option<&[u8]>) -> Key {
    match found {
        Some(value) => Key::from(("value", Key::new(value))),
        None => Key::from(("ip", Ip.key(head))),
    }
}

/// The value of a cookie, by RFC 6265 section 5.4: pairs separated by semicolons, the first of a name counts.
fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let lines = headers.get_all(COOKIE).into_iter();
    let mut pairs = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b';'));
    pairs.find_map(|pair| {
        let pair = pair.trim_ascii();
        let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
    })
}

/// The address at the other end of the connection, if the server was told to pass it on.
#[cfg(feature = "axum")]
fn peer(extensions: &Extensions) -> Option<IpAddr> {
    use axum::extract::ConnectInfo;
    use axum::extract::connect_info::MockConnectInfo;

    let real = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let peer = real.or_else(|| extensions.get::<MockConnectInfo<SocketAddr>>().map(|info| info.0));
    peer.or_else(|| extensions.get().copied()).map(|peer: SocketAddr| peer.ip())
}

/// The address at the other end of the connection, if the server was told to pass it on.
#[cfg(not(feature = "axum"))]
fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<SocketAddr>().map(SocketAddr::ip)
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ip")
    }
}

impl fmt::Display for Global {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("global")
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "header({:?})", self.0)
    }
}

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cookie({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "xsession=no; session=yes; session=late".parse().expect("a header"));
        headers.append(COOKIE, "b=\"quoted\"; broken".parse().expect("a header"));
        assert_eq!(cookie(&headers, "session"), Some(&b"yes"[..]));
        assert_eq!(cookie(&headers, "b"), Some(&b"quoted"[..]));
        assert_eq!(cookie(&headers, "broken"), None);
        assert_eq!(cookie(&headers, "sess"), None);
    }
}
