//! Networks as text, and IPv4 addresses inside IPv6 addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

/// Parses a network such as `10.0.0.0/8`, or an address as the network of that single address. An IPv4-mapped
/// network is converted to IPv4, because addresses are converted to IPv4 before they are compared with it.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = text.parse().or_else(|_| text.parse().map(IpAddr::into)).ok()?;
    let IpNet::V6(v6) = network else { return Some(network) };
    let v4 = v6.network().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    Some(v4.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4))
}

/// Returns the client's IPv4 address, if a standard embeds it at a fixed position: NAT64 (`64:ff9b::/96`,
/// RFC 6052), Teredo (`2001::/32`, RFC 4380) and 6to4 (`2002::/16`, RFC 3056).
pub(super) const fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.octets() {
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] | [0x20, 0x02, a, b, c, d, ..] => {
            Some(Ipv4Addr::new(a, b, c, d))
        }
        [0x20, 0x01, 0, 0, .., a, b, c, d] => Some(Ipv4Addr::new(!a, !b, !c, !d)),
        _ => None,
    }
}

/// Whether the address is in `64:ff9b:1::/48` (RFC 8215). There, the operator chooses the position of the
/// IPv4 address, so only the whole address distinguishes clients.
pub(super) const fn is_local_nat64(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0x64, 0xff9b, 1, ..])
}

/// Whether the address may belong to a client on the Internet. `plain` does not extract other addresses, so
/// that a packet with a forged source cannot imitate an address of a private network.
pub(super) const fn is_public(address: Ipv4Addr) -> bool {
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || matches!(address.octets(), [0 | 240..=255, ..] | [100, 64..=127, ..]);
    !special
}
