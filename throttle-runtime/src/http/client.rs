//! The address of the client, directly or behind proxies.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr};

use http::{HeaderMap, HeaderValue};
use ipnet::{IpNet, Ipv6Net};

use super::address::{embedded_ipv4, is_local_nat64, is_public, network as parse_network};
use super::forwarded::{MOST_HOPS, forwarded, node, node_and_port, only, x_forwarded_for};
use super::peer::PeerAddress;
use super::proxy_header::ProxyHeader;

/// The proxies that may name the client, the headers in which they do, and the grouping of addresses.
///
/// By default no proxy is trusted, so that the client is always the peer. A trusted proxy is read in
/// `X-Forwarded-For`. IPv6 addresses are counted by their /64, which is what one subscriber gets.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    trusted: Vec<IpNet>,
    /// The number of proxies in front of the program, whatever their addresses. 0 if only `trusted` applies.
    hops: usize,
    headers: Vec<ProxyHeader>,
    ipv6_prefix: u8,
    /// Further places where the address of the peer may be stored.
    pub(crate) peers: Vec<PeerAddress>,
}

/// The address of a request's client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// The address as it was sent. An IPv6 address may contain an IPv4 address.
    Known(IpAddr),
    /// No header of a trusted proxy names the client. The peer, if there is one, may only be used as a key.
    Unknown(Option<IpAddr>),
}

impl Client {
    /// Returns the address that is used as the client's key.
    pub(crate) fn or_peer(self) -> Option<IpAddr> {
        match self {
            Self::Known(address) => Some(plain(address)),
            Self::Unknown(peer) => peer,
        }
    }

    /// Returns the client's address: the IPv4 address inside, if it contains a public one.
    pub(crate) fn known(self) -> Option<IpAddr> {
        match self {
            Self::Known(address) => Some(plain(address)),
            Self::Unknown(_) => None,
        }
    }
}

/// The result of one header.
enum Named {
    Client(IpAddr),
    /// An entry that is not an address, which ends the search.
    Garbage,
    Nothing,
}

/// If a header with a single address contains none, the next header is tried.
impl From<Option<IpAddr>> for Named {
    fn from(address: Option<IpAddr>) -> Self {
        address.map_or(Self::Nothing, Self::Client)
    }
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            trusted: Vec::new(),
            hops: 0,
            headers: vec![ProxyHeader::XForwardedFor],
            ipv6_prefix: 64,
            peers: Vec::new(),
        }
    }
}

impl Clients {
    /// Trusts the proxies of a network such as `10.0.0.0/8`, or one proxy such as `192.168.1.1`.
    pub(crate) fn trust(&mut self, network: &str) -> Result<(), String> {
        let trusted = parse_network(network).ok_or_else(|| {
            format!(
                "the trusted proxy {network:?} is neither a network nor an address: \
                 write one such as \"10.0.0.0/8\" or \"192.168.1.1\""
            )
        })?;
        if is_too_large(&trusted) {
            return Err(too_large(network));
        }
        self.trusted.push(trusted);
        Ok(())
    }

    /// Trusts this many proxies, whatever their addresses.
    pub(crate) const fn trust_hops(&mut self, hops: usize) {
        self.hops = hops;
    }

    /// Adds a place from which the address of the peer is read.
    pub(crate) fn read_peer(&mut self, peer: PeerAddress) {
        self.peers.push(peer);
    }

    /// Sets the headers that are read, in this order. Returns the problems.
    pub(crate) fn read(&mut self, headers: impl IntoIterator<Item = ProxyHeader>) -> Vec<String> {
        let (headers, wrong): (Vec<_>, Vec<_>) =
            headers.into_iter().map(ProxyHeader::resolved).partition(Result::is_ok);
        self.headers = headers.into_iter().flatten().collect();
        wrong.into_iter().filter_map(Result::err).collect()
    }

    /// Counts IPv6 addresses by their first `prefix` bits.
    pub(crate) fn group_ipv6(&mut self, prefix: u8) -> Result<(), String> {
        if !(1..=128).contains(&prefix) {
            return Err(format!("an IPv6 prefix of {prefix} bits does not exist: write one from 1 to 128"));
        }
        self.ipv6_prefix = prefix;
        Ok(())
    }

    /// Returns the problems of the combination of settings.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let together = IpNet::aggregate(&self.trusted);
        problems.extend(together.iter().filter(|network| network.prefix_len() == 0).map(|all| {
            format!("the trusted proxies together cover {all}, so that every client could choose its own address: {ADVICE}")
        }));
        if self.hops > MOST_HOPS {
            problems.push(format!(
                "`trusted_hops({})` is more than {MOST_HOPS}: count the proxies in front",
                self.hops
            ));
        }
        if self.hops > 0 && !self.trusted.is_empty() {
            problems.push(
                "`trusted_hops` and `trusted_proxies` exclude each other: trust proxies by their addresses, or by their number"
                    .to_owned(),
            );
        }
        problems
    }

    /// Returns the client: the peer, unless the peer is a trusted proxy that names another address.
    ///
    /// Lists (`X-Forwarded-For`, `Forwarded`) are read from the right, where the nearest proxy writes. The
    /// first address that is not itself a trusted proxy is the client. Entries to the left of it are not
    /// trustworthy. An IPv4-mapped IPv6 address is converted to the IPv4 address that it contains.
    #[inline]
    pub(crate) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Client {
        let peer = peer.map(|peer| peer.to_canonical());
        match peer {
            Some(peer) if self.is_client(peer) => Client::Known(peer),
            None if self.hops == 0 => Client::Unknown(None),
            _ => self.behind_proxies(peer, headers),
        }
    }

    /// Whether every peer is the client itself.
    #[cfg(any(feature = "axum", feature = "tower"))]
    #[inline]
    pub(super) const fn trusts_nobody(&self) -> bool {
        self.hops == 0 && self.trusted.is_empty()
    }

    /// Whether a peer with this address is the client itself, and not a proxy.
    pub(super) fn is_client(&self, peer: IpAddr) -> bool {
        self.hops == 0 && !self.trusts(peer)
    }

    fn behind_proxies(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Client {
        for header in &self.headers {
            match self.named(*header, headers) {
                Named::Client(address) => return Client::Known(address),
                Named::Garbage => break,
                Named::Nothing => {}
            }
        }
        Client::Unknown(peer)
    }

    /// Returns the address that a client is counted under.
    ///
    /// IPv4 addresses are used whole, also those inside IPv6 addresses. Other IPv6 addresses are cut to the
    /// prefix, because one subscriber owns all addresses of the prefix and could use each of them once.
    pub(crate) fn group(&self, address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V6(v6) => self.group_v6(v6),
            v4 @ IpAddr::V4(_) => v4,
        }
    }

    fn group_v6(&self, address: Ipv6Addr) -> IpAddr {
        match embedded_ipv4(address) {
            Some(v4) => v4.into(),
            None if is_local_nat64(address) => address.into(),
            None => Ipv6Net::new(address, self.ipv6_prefix).map_or(address, |net| net.network()).into(),
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Returns the first of the enabled headers that the request has.
    pub(super) fn first_present(&self, headers: &HeaderMap) -> Option<&'static str> {
        self.headers.iter().map(|header| header.name()).find(|name| headers.contains_key(*name))
    }

    /// Returns the client that one header names.
    fn named(&self, header: ProxyHeader, headers: &HeaderMap) -> Named {
        let lines = headers.get_all(header.name()).iter().map(HeaderValue::as_bytes);
        match header {
            ProxyHeader::XForwardedFor => self.walk(lines.rev().flat_map(x_forwarded_for)),
            ProxyHeader::Forwarded => self.walk(lines.rev().flat_map(forwarded)),
            ProxyHeader::CloudFrontViewerAddress => only(lines, node_and_port).into(),
            _ => only(lines, node).into(),
        }
    }

    /// Returns the first entry, from the right, that is not a trusted proxy: by its address, or by its
    /// number.
    ///
    /// A garbage entry (`None`) ends the search, and the client is unknown. If it were skipped, the entries
    /// to its left would be trusted, and they come from the sender of the garbage. With
    /// `X-Forwarded-For: victim, garbage`, passed on by a careless proxy, any client could empty the victim's
    /// bucket.
    ///
    /// For the same reason, no other header is read then. An open quote in `Forwarded`, sent by the client,
    /// makes garbage of the entries that an honest proxy adds after it.
    fn walk(&self, entries: impl Iterator<Item = Option<IpAddr>>) -> Named {
        let mut hops = entries.take(MOST_HOPS);
        let hop = match self.hops.checked_sub(1) {
            // The peer is the first hop.
            Some(others) => hops.nth(others),
            None => hops.find(|hop| hop.is_none_or(|address| !self.trusts(address))),
        };
        match hop {
            Some(Some(address)) => Named::Client(address),
            Some(None) => Named::Garbage,
            None => Named::Nothing,
        }
    }
}

/// The advice for a network that is too large.
const ADVICE: &str =
    "name the networks of your proxies only, or write `trusted_hops(1)` where their addresses are not known";

/// Whether a network is larger than any network of proxies: private networks of IPv4 have at most a /8, and
/// the unique local addresses of IPv6 are a /7.
fn is_too_large(network: &IpNet) -> bool {
    network.prefix_len() < if matches!(network, IpNet::V4(_)) { 8 } else { 7 }
}

fn too_large(network: &str) -> String {
    format!(
        "the trusted proxy {network:?} is a network of clients, which could choose their own addresses: {ADVICE}"
    )
}

/// Returns the IPv4 address inside, if it is a public one. Returns other addresses unchanged.
pub(crate) fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => embedded_ipv4(v6).filter(|v4| is_public(*v4)).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}
