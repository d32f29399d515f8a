//! Networks as text.
//!
//! A file of its own, because declared proxies and lists both read networks.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Parses a network such as `10.0.0.0/8`, or an address as the network of that single address. An IPv4-mapped
/// network is converted to IPv4, because addresses are converted to IPv4 before they are compared with it.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = text.parse().or_else(|_| text.parse().map(IpAddr::into)).ok()?;
    let IpNet::V6(v6) = network else { return Some(network) };
    let v4 = v6.network().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    Some(v4.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4))
}
