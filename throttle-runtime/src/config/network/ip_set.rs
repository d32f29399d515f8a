//! A set of networks, for fast look-ups of addresses.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::http::address::network;

/// Disjoint networks in order, so that a look-up is a binary search.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Set(Vec<IpNet>);

impl Set {
    /// Parses networks and addresses that are separated by commas, spaces and line ends. A `#` begins a
    /// comment, up to the end of its line. An error contains the number of its line.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut networks = Vec::new();
        for (line, text) in text.lines().enumerate() {
            let text = text.split_once('#').map_or(text, |(text, _)| text);
            let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
            for word in words {
                // The text comes from a file and may be long.
                let shown = || word.chars().take(50).collect::<String>();
                networks.push(network(word).ok_or_else(|| {
                    format!(
                        "line {}: {:?} is neither a network nor an address: write one such as \"10.0.0.0/8\" or \
                         \"192.168.1.1\"",
                        line + 1,
                        shown(),
                    )
                })?);
            }
        }
        let mut networks = IpNet::aggregate(&networks);
        networks.sort_unstable_by_key(IpNet::network);
        Ok(Self(networks))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the networks contains the address, which has to be canonical.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        // The last network that does not begin after the address. All IPv4 networks come before the IPv6
        // networks.
        let after = self.0.partition_point(|network| network.network() <= address);
        after.checked_sub(1).is_some_and(|at| self.0[at].contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_read_with_comments_and_what_is_wrong_is_named_with_its_line() {
        let text = "10.0.0.0/8, 192.168.1.1 # the office\n\n# nobody\n2001:db8::/32\t::ffff:172.16.0.0/108";
        let set = Set::parse(text).expect("a list");
        let has = |address: &str| set.contains(address.parse().expect("an address"));
        assert!(["10.1.2.3", "192.168.1.1", "2001:db8:ffff::1", "172.31.255.255"].into_iter().all(has));
        assert!(!["11.0.0.0", "192.168.1.2", "2001:db9::", "172.32.0.0", "::1"].into_iter().any(has));
        let wrong = Set::parse("10.0.0.0/8\n10.0.0.0/33").expect_err("no network");
        assert!(wrong.starts_with("line 2: \"10.0.0.0/33\" is neither"), "{wrong}");
        assert!(Set::parse(" , # none").expect("a list").is_empty());
    }

    fn any_network() -> impl Strategy<Value = IpNet> {
        let v4 = (0..4_u32, 22..=32_u8)
            .prop_map(|(low, prefix)| (IpAddr::from((0x0a00_0000 + low * 300).to_be_bytes()), prefix));
        let v6 = (0..4_u128, 118..=128_u8)
            .prop_map(|(low, prefix)| (IpAddr::from((low * 300).to_be_bytes()), prefix));
        prop_oneof![v4, v6].prop_map(|(address, prefix)| IpNet::new(address, prefix).expect("a network"))
    }

    proptest! {
        /// Compares the look-up with a linear search.
        #[test]
        fn an_address_is_found_if_one_of_the_networks_has_it(
            networks in prop::collection::vec(any_network(), 0..12),
            low in 0..2_000_u32,
        ) {
            let text = networks.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            let set = Set::parse(&text).expect("a list");
            let v4 = IpAddr::from((0x0a00_0000 + low).to_be_bytes());
            let v6 = IpAddr::from(u128::from(low).to_be_bytes());
            for address in [v4, v6] {
                prop_assert_eq!(set.contains(address), networks.iter().any(|network| network.contains(&address)));
            }
        }
    }
}
