//! Tests of the client of a request, with what they share.

mod groups;
mod lists;
mod properties;
mod selection;
mod trust;

use http::HeaderName;

use super::*;

const PROXY: &str = "10.0.0.1";

/// The headers in the order in which some proxies prefer them.
const ALL: [ProxyHeader; 5] = [
    ProxyHeader::Forwarded,
    ProxyHeader::XForwardedFor,
    ProxyHeader::CfConnectingIp,
    ProxyHeader::TrueClientIp,
    ProxyHeader::XRealIp,
];

impl Clients {
    /// Returns the address that is used as the key.
    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.client(Some(peer), headers).or_peer().expect("there is a peer")
    }

    fn known(&self, peer: Option<&str>, lines: &[(&'static str, &str)]) -> Option<IpAddr> {
        self.client(peer.map(ip), &headers(lines)).known()
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn headers<T: AsRef<[u8]>>(lines: &[(&'static str, T)]) -> HeaderMap {
    let line = |(name, value): &(&'static str, T)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_ref()).unwrap())
    };
    let mut map = HeaderMap::new();
    lines.iter().map(line).for_each(|(name, value)| {
        map.append(name, value);
    });
    map
}

fn clients(read: &[ProxyHeader]) -> Clients {
    let mut clients = Clients::default();
    clients.trust("10.0.0.0/8").unwrap();
    clients.trust("2001:db8:aaaa::/48").unwrap();
    clients.read(read.iter().copied());
    clients
}

/// Returns the client that the trusted proxy names, in all lines of all enabled headers.
fn named(read: &[ProxyHeader], lines: &[(&'static str, &str)]) -> IpAddr {
    clients(read).address(ip(PROXY), &headers(lines))
}

fn xff(value: &str) -> IpAddr {
    named(&[ProxyHeader::XForwardedFor], &[("x-forwarded-for", value)])
}

fn forwarded_by(value: &str) -> IpAddr {
    named(&[ProxyHeader::Forwarded], &[("forwarded", value)])
}
