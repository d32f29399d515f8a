//! Properties of all headers and addresses.

use proptest::prelude::*;

use super::*;

/// Bytes that a header may contain, mostly those with a special meaning.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let meaning = proptest::sample::select(br#"for=,;"\[]:.%_ 1206f"#.as_slice());
    let any = prop_oneof![Just(b'\t'), b' '..=b'~', 128..=255_u8];
    proptest::collection::vec(prop_oneof![4 => meaning, 1 => any], 0..80)
}

fn any_lines() -> impl Strategy<Value = HeaderMap> {
    let name = proptest::sample::select(ALL.map(ProxyHeader::name).to_vec());
    proptest::collection::vec((name, bytes()), 0..6).prop_map(|lines| headers(&lines))
}

proptest! {
    #[test]
    fn no_bytes_panic(lines in any_lines()) {
        clients(&ALL).address(ip(PROXY), &lines);
    }

    #[test]
    fn b097_untrusted_peer_is_itself(peer: IpAddr, mut lines in any_lines()) {
        lines.append("x-forwarded-for", HeaderValue::from_static("1.1.1.1"));
        prop_assume!(!clients(&[]).trusts(peer.to_canonical()));
        prop_assert_eq!(clients(&ALL).address(peer, &lines), plain(peer.to_canonical()));
    }

    #[test]
    fn b098_nothing_left_of_the_last_hop_counts(
        left in bytes(),
        hop in proptest::sample::select(&["1.1.1.1", "garbage", "[2001:db8::1]:80"]),
    ) {
        let only = xff(hop);
        let line = [left.as_slice(), b", ", hop.as_bytes()].concat();
        let map = headers(&[("x-forwarded-for", line)]);
        prop_assert_eq!(clients(&[ProxyHeader::XForwardedFor]).address(ip(PROXY), &map), only);
    }

    #[test]
    fn b099_clients_cannot_forge_what_a_proxy_adds(
        left in bytes(),
        hop in proptest::sample::select(&["for=1.1.1.1", r#"for="1.1.1.1:80";proto=https;by="_a""#]),
    ) {
        let line = [left.as_slice(), b", ", hop.as_bytes()].concat();
        let map = headers(&[("forwarded", line)]);
        let client = clients(&[ProxyHeader::Forwarded]).address(ip(PROXY), &map);
        prop_assert!(client == ip("1.1.1.1") || client == ip(PROXY), "{}", client);
    }

    #[test]
    fn groups_are_stable(address: IpAddr, prefix in 1..=128_u8) {
        let mut clients = Clients::default();
        clients.group_ipv6(prefix).unwrap();
        let group = clients.group(address);
        prop_assert_eq!(clients.group(group), group);
    }
}
