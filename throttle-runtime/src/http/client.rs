//! Who the client is, when proxies stand between.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderValue};
use ipnet::{IpNet, Ipv6Net};

/// How many entries of a list are looked at, from the right: real chains are a few hops long, and whoever
/// sends ten thousand entries must not buy ten thousand look-ups.
const MOST_HOPS: usize = 32;

/// A header in which a trusted proxy names its client.
///
/// Read only those that your proxy sets or overwrites: one that it passes on is written by the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: a list to which every proxy adds whom it was called by.
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the standard's form of that list.
    Forwarded,
    /// `X-Real-IP`: one address, as nginx is often set up to send.
    XRealIp,
    /// `CF-Connecting-IP`: one address, from Cloudflare.
    CfConnectingIp,
    /// `True-Client-IP`: one address, from Akamai and Cloudflare.
    TrueClientIp,
}

impl ProxyHeader {
    /// The order in which headers are asked, whatever the order in which they were enabled.
    const ORDER: [Self; 5] =
        [Self::Forwarded, Self::XForwardedFor, Self::CfConnectingIp, Self::TrueClientIp, Self::XRealIp];

    const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
            Self::XRealIp => "x-real-ip",
            Self::CfConnectingIp => "cf-connecting-ip",
            Self::TrueClientIp => "true-client-ip",
        }
    }
}

/// Which proxies may name the client, in which headers, and how addresses are grouped.
///
/// By default nobody is trusted, so that the client is always the peer; a trusted proxy is read in
/// `X-Forwarded-For`; and IPv6 addresses are counted by their /64, which is what one subscriber gets.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    trusted: Vec<IpNet>,
    headers: Vec<ProxyHeader>,
    ipv6_prefix: u8,
}

impl Default for Clients {
    fn default() -> Self {
        Self { trusted: Vec::new(), headers: vec![ProxyHeader::XForwardedFor], ipv6_prefix: 64 }
    }
}

impl Clients {
    /// Trusts the proxies of a network such as `10.0.0.0/8`, or one proxy such as `192.168.1.1`.
    pub(crate) fn trust(&mut self, network: &str) -> Result<(), String> {
        let trusted = crate::network::network(network).ok_or_else(|| {
            format!(
                "the trusted proxy {network:?} is neither a network nor an address: \
                 write one such as \"10.0.0.0/8\" or \"192.168.1.1\""
            )
        })?;
        self.trusted.push(trusted);
        Ok(())
    }

    /// Reads these headers, and no others.
    pub(crate) fn read(&mut self, headers: impl IntoIterator<Item = ProxyHeader>) {
        self.headers = headers.into_iter().collect();
    }

    /// Counts IPv6 addresses by their first `prefix` bits.
    pub(crate) fn group_ipv6(&mut self, prefix: u8) -> Result<(), String> {
        if !(1..=128).contains(&prefix) {
            return Err(format!("an IPv6 prefix of {prefix} bits does not exist: write one from 1 to 128"));
        }
        self.ipv6_prefix = prefix;
        Ok(())
    }

    /// The client's address: the peer, unless the peer is a trusted proxy that names another.
    ///
    /// Lists (`X-Forwarded-For`, `Forwarded`) are read from the right, where the nearest proxy writes: the
    /// first address that is not itself a trusted proxy is the client, and what stands to the left of it is
    /// hearsay. An IPv4-mapped IPv6 address is answered as the IPv4 address that it is.
    pub(crate) fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let mut enabled = ProxyHeader::ORDER.into_iter().filter(|header| self.headers.contains(header));
        enabled.find_map(|header| self.named(header, peer, headers)).unwrap_or(peer)
    }

    /// The address that a client is counted under.
    ///
    /// IPv4 addresses stand for themselves, also when they come IPv4-mapped. IPv6 addresses are cut to the
    /// prefix, because one subscriber holds all addresses of it and could use each of them once.
    pub(crate) fn group(&self, address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Net::new(v6, self.ipv6_prefix).map_or(v6, |net| net.network()).into(),
            v4 @ IpAddr::V4(_) => v4,
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// The client as one header has it, or `None` if that header says nothing.
    fn named(&self, header: ProxyHeader, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let lines = headers.get_all(header.name()).iter().map(HeaderValue::as_bytes);
        match header {
            ProxyHeader::XForwardedFor => self.walk(peer, lines.rev().flat_map(x_forwarded_for)),
            ProxyHeader::Forwarded => self.walk(peer, lines.rev().flat_map(forwarded)),
            ProxyHeader::XRealIp | ProxyHeader::CfConnectingIp | ProxyHeader::TrueClientIp => only(lines),
        }
    }

    /// The first entry, from the right, that is not a trusted proxy.
    ///
    /// A garbage entry (`None`) ends the walk, and the peer is the answer. To skip it would be to believe
    /// what stands to its left, and that was written by whoever wrote the garbage: with
    /// `X-Forwarded-For: victim, garbage`, passed on by a careless proxy, anybody could empty the victim's
    /// bucket. For the same reason no other header is asked then: an open quote in `Forwarded`, sent by the
    /// client, makes garbage of what an honest proxy adds behind it.
    fn walk(&self, peer: IpAddr, entries: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        let mut hops = entries.take(MOST_HOPS);
        hops.find(|hop| hop.is_none_or(|address| !self.trusts(address))).map(|hop| hop.unwrap_or(peer))
    }
}

/// The address of a header that must occur once: of two, nobody knows which the proxy wrote.
fn only<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> Option<IpAddr> {
    let line = lines.next()?;
    if lines.next().is_some() { None } else { node(line.trim_ascii()) }
}

/// The entries of one `X-Forwarded-For` line, from the right; garbage is `None`.
fn x_forwarded_for(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    line.rsplit(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty()).map(node)
}

/// The entries of one `Forwarded` line, from the right; garbage is `None`.
///
/// Whether a comma is quoted is known only from the left, so the last elements are kept on the way.
fn forwarded(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    let mut last = VecDeque::with_capacity(MOST_HOPS);
    for element in parts(line, b',') {
        if last.len() == MOST_HOPS {
            last.pop_front();
        }
        last.push_back(element);
    }
    last.into_iter().rev().map(element)
}

/// The address in one element of `Forwarded`, such as `for="[2001:db8::1]:80";proto=https`.
///
/// It is read strictly, with every parameter well-formed and `for` there once: else a quote that the client
/// left open could shift the borders of what proxies add, and still look like an element.
fn element(text: &[u8]) -> Option<IpAddr> {
    let mut client = None;
    for pair in parts(text, b';') {
        let mut sides = pair.splitn(2, |&byte| byte == b'=');
        let name = sides.next().filter(|name| is_bare(name))?;
        let value = unquoted(sides.next()?)?;
        if name.eq_ignore_ascii_case(b"for") && client.replace(value).is_some() {
            return None;
        }
    }
    node(&client?)
}

/// The parts of a text between separators outside quotes, trimmed, without empty ones.
fn parts(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let separates = move |&byte: &u8| {
        let plain = !std::mem::take(&mut escaped);
        escaped = plain && quoted && byte == b'\\';
        quoted ^= plain && byte == b'"';
        !quoted && byte == separator
    };
    text.split(separates).map(<[u8]>::trim_ascii).filter(|part| !part.is_empty())
}

/// The content of a parameter's value: a quoted string without its quotes and escapes, or a bare value.
///
/// Bare values may hold colons and brackets. RFC 7239 wants those quoted, but many proxies do not.
fn unquoted(value: &[u8]) -> Option<Vec<u8>> {
    let Some(quoted) = value.strip_prefix(b"\"") else {
        return is_bare(value).then(|| value.to_vec());
    };
    let mut content = Vec::new();
    let mut rest = quoted.iter();
    loop {
        match rest.next()? {
            b'"' => return rest.as_slice().is_empty().then_some(content),
            b'\\' => content.push(*rest.next()?),
            byte => content.push(*byte),
        }
    }
}

fn is_bare(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

/// The address of a node: `1.2.3.4`, `2001:db8::1` or `[2001:db8::1]`, the first and last also with a port.
///
/// Names (`unknown`, `_hidden`) and IPv6 zones (`fe80::1%eth0`) are no addresses. A bare IPv6 address has no
/// port: its last group would be taken for one.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    let address = if let Some(bracketed) = text.strip_prefix('[') {
        let (host, port) = bracketed.split_once(']')?;
        let host = host.parse::<Ipv6Addr>().ok()?;
        (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(host.into())?
    } else if let Some((host, _)) = text.split_once(':').filter(|(_, port)| is_port(port)) {
        host.parse::<Ipv4Addr>().ok()?.into()
    } else {
        text.parse::<IpAddr>().ok()?
    };
    Some(address.to_canonical())
}

/// Whether this is a port, or a name that hides one (RFC 7239): nobody uses it, so any name will do.
fn is_port(text: &str) -> bool {
    text.starts_with('_') || (matches!(text.len(), 1..=5) && text.bytes().all(|byte| byte.is_ascii_digit()))
}
