use http::HeaderName;
use proptest::prelude::*;

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

#[test]
fn b097_untrusted_peer_is_the_client_whatever_it_sends() {
    let lines = headers(&[("x-forwarded-for", "1.1.1.1")]);
    assert_eq!(Clients::default().address(ip("10.0.0.1"), &lines), ip("10.0.0.1"));
    assert_eq!(clients(&ALL).address(ip("9.9.9.9"), &lines), ip("9.9.9.9"));
}

#[test]
fn b098_rightmost_untrusted_address_is_the_client() {
    assert_eq!(xff("6.6.6.6, 1.1.1.1, 10.0.0.2"), ip("1.1.1.1"));
    assert_eq!(xff("1.1.1.1,, ,10.0.0.2,"), ip("1.1.1.1"), "empty members are no members");
}

#[test]
fn b098_all_trusted_or_garbage_is_the_peer() {
    for value in
        ["10.0.0.3, 10.0.0.2", "", " , ", "unknown", "_hidden, 10.0.0.2", "fe80::1%eth0", "[::1", "::1]"]
    {
        assert_eq!(xff(value), ip(PROXY), "{value}");
    }
    assert_eq!(named(&[ProxyHeader::XForwardedFor], &[]), ip(PROXY));
}

#[test]
fn b098_what_stands_left_of_garbage_is_not_believed() {
    for garbage in ["garbage", "unknown", "_hidden", "1.2.3", "1.2.3.4:", "1.2.3.4:+80", "1.2.3.4 5.6.7.8"] {
        assert_eq!(xff(&format!("6.6.6.6, {garbage}, 10.0.0.2")), ip(PROXY), "{garbage}");
        let elements = format!("for=6.6.6.6, for=\"{garbage}\", for=10.0.0.2");
        assert_eq!(forwarded_by(&elements), ip(PROXY), "{garbage}");
    }
    assert_eq!(xff("garbage, 1.1.1.1"), ip("1.1.1.1"), "garbage left of the client does no harm");
    let both = [("forwarded", "for=unknown"), ("x-forwarded-for", "6.6.6.6")];
    assert_eq!(named(&ALL, &both), ip(PROXY), "nor is another header believed");
}

#[test]
fn b099_ipv4_mapped_peer_is_its_ipv4_address() {
    let lines = headers(&[("x-forwarded-for", "1.1.1.1, ::ffff:10.0.0.2")]);
    assert_eq!(clients(&ALL).address(ip("::ffff:10.0.0.1"), &lines), ip("1.1.1.1"));
    assert_eq!(Clients::default().address(ip("::ffff:10.0.0.1"), &lines), ip("10.0.0.1"));
    assert_eq!(xff("::ffff:1.1.1.1"), ip("1.1.1.1"));
}

#[test]
fn b099_forwarded_names_the_rightmost_untrusted() {
    for (value, client) in [
        (r#"for="[2001:db8::1]:80";proto=https"#, "2001:db8::1"),
        ("for=6.6.6.6, for=1.1.1.1;proto=https;by=10.0.0.3, For=10.0.0.2", "1.1.1.1"),
        (r#"for=6.6.6.6, proto="a,b;for=7.7.7.7" ; FOR="1.1.1.1:80" , ,"#, "1.1.1.1"),
        (r#"for="1.1\.1.1";host="a\",for=6.6.6.6""#, "1.1.1.1"),
        ("for=[2001:db8::1]:_port", "2001:db8::1"),
        (r#"for="[2001:db8:aaaa::1]", for=10.0.0.2"#, PROXY),
    ] {
        assert_eq!(forwarded_by(value), ip(client), "{value}");
    }
}

#[test]
fn b099_forwarded_that_is_not_well_formed_is_garbage() {
    for last in [
        "proto=https",
        ";",
        "for",
        "for=",
        "for= 1.1.1.1",
        r#"for="1.1.1.1"#,
        r#"for="1.1.1.1\"#,
        r#"for="1.1.1.1"x"#,
        r#"for=1.1.1.1;x="a"b"#,
        "for=1.1.1.1;for=2.2.2.2",
        "for=1.1.1.1;proto",
        "for=1.1.1.1;a b=c",
        // The client sent `for=6.6.6.6;x="`, and an honest proxy appended its own entry.
        r#"for=6.6.6.6;x=", for=1.1.1.1"#,
        r#"for=6.6.6.6;x=", for="[2001:db8::1]:80""#,
        r#"for=6.6.6.6;x=", for="[2001:db8::1]:80";by="_proxy""#,
    ] {
        assert_eq!(forwarded_by(&format!("for=6.6.6.6, {last}")), ip(PROXY), "{last}");
    }
}

#[test]
fn d02_leftmost_address_is_never_believed() {
    assert_eq!(xff("6.6.6.6, 1.1.1.1"), ip("1.1.1.1"));
    assert_eq!(xff("10.0.0.9, 6.6.6.6, 1.1.1.1, 10.0.0.2"), ip("1.1.1.1"));
    let lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.1.1.1")];
    assert_eq!(named(&[ProxyHeader::XForwardedFor], &lines), ip("1.1.1.1"), "nor in a line of its own");
}

#[test]
fn d07_both_lists_follow_one_rule() {
    for chain in [
        &["6.6.6.6", "1.1.1.1", "10.0.0.2"][..],
        &["10.0.0.3", "10.0.0.2"],
        &["6.6.6.6", "unknown", "10.0.0.2"],
        &["unknown", "[2001:db8::1]:443", "[2001:db8:aaaa::1]"],
        &["6.6.6.6", "fe80::1%eth0"],
        &["1.1.1.1:80", "::ffff:10.0.0.2"],
    ] {
        let elements: Vec<_> = chain.iter().map(|node| format!("for=\"{node}\"")).collect();
        assert_eq!(xff(&chain.join(", ")), forwarded_by(&elements.join(", ")), "{chain:?}");
    }
}

#[test]
fn d07_lines_of_one_name_are_one_list() {
    let x_forwarded_for = ["6.6.6.6", "1.1.1.1, 10.0.0.3", "10.0.0.2"].map(|line| ("x-forwarded-for", line));
    assert_eq!(named(&[ProxyHeader::XForwardedFor], &x_forwarded_for), ip("1.1.1.1"));
    let forwarded =
        ["for=6.6.6.6", "for=1.1.1.1, for=10.0.0.3", "for=10.0.0.2"].map(|line| ("forwarded", line));
    assert_eq!(named(&[ProxyHeader::Forwarded], &forwarded), ip("1.1.1.1"));
}

#[test]
fn only_so_many_entries_are_looked_at() {
    let chain = |hops| format!("1.1.1.1{}", ", 10.0.0.2".repeat(hops));
    let elements = |hops| format!("for=1.1.1.1{}", ", for=10.0.0.2".repeat(hops));
    for (hops, client) in [(MOST_HOPS - 1, "1.1.1.1"), (MOST_HOPS, PROXY), (10_000, PROXY)] {
        assert_eq!(xff(&chain(hops)), ip(client), "{hops}");
        assert_eq!(forwarded_by(&elements(hops)), ip(client), "{hops}");
    }
}

#[test]
fn ports_are_cut_off() {
    for (entry, client) in [
        ("1.2.3.4:80", "1.2.3.4"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::80", "2001:db8::80"),
        ("[::ffff:1.2.3.4]:80", "1.2.3.4"),
        ("[2001:db8::1]80", PROXY),
        ("[1.2.3.4]:80", PROXY),
        ("1.2.3.4:800000", PROXY),
        ("1.2.3.4:_hidden", "1.2.3.4"),
        ("1.2.3.4:http", PROXY),
        ("[fe80::1%1]:80", PROXY),
    ] {
        assert_eq!(xff(entry), ip(client), "{entry}");
    }
}

#[test]
fn f14_headers_are_read_only_when_enabled_and_in_the_order_given() {
    let values = ["for=1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5"];
    let lines: Vec<_> = ALL.map(ProxyHeader::name).into_iter().zip(values).collect();
    let client = |header: ProxyHeader| {
        let index = ALL.iter().position(|known| *known == header).expect("one of them");
        ip(&format!("1.1.1.{}", index + 1))
    };
    assert_eq!(named(&[], &lines), ip(PROXY));
    for first in ALL {
        let mut order = ALL.to_vec();
        order.retain(|header| *header != first);
        assert_ne!(named(&order, &lines), client(first), "{first:?} is not enabled");
        order.insert(0, first);
        assert_eq!(named(&order, &lines), client(first), "{first:?} is first");
        order.reverse();
        assert_eq!(named(&order, &lines), client(order[0]), "{first:?} is last");
    }
}

#[test]
fn f14_a_header_can_be_named() {
    let fly = "Fly-Client-IP".into();
    assert_eq!(named(&[fly], &[("fly-client-ip", "1.1.1.1")]), ip("1.1.1.1"));
    assert_eq!(named(&[fly], &[("fly-client-ip", "[2001:db8::1]:80")]), ip("2001:db8::1"));
    assert_eq!(named(&[fly], &[("fly-client-ip", "1.1.1.1, 2.2.2.2")]), ip(PROXY));
    assert_eq!(named(&[fly], &[("x-forwarded-for", "1.1.1.1")]), ip(PROXY));
    // A list is read as a list, in whatever case its name is written.
    for list in ["X-Forwarded-For", "x-forwarded-for"].map(ProxyHeader::Custom) {
        assert_eq!(named(&[list], &[("x-forwarded-for", "6.6.6.6, 1.1.1.1, 10.0.0.2")]), ip("1.1.1.1"));
    }
    for (value, client) in [
        ("198.51.100.10:46532", "198.51.100.10"),
        ("2001:db8::1:4653", "2001:db8::1"),
        ("2001:db8:85a3::8a2e:370:7334:46532", "2001:db8:85a3::8a2e:370:7334"),
        ("[2001:db8::1]:46532", "2001:db8::1"),
        ("198.51.100.10", PROXY),
        ("198.51.100.10:x", PROXY),
        ("", PROXY),
    ] {
        let lines = [("cloudfront-viewer-address", value)];
        assert_eq!(named(&["CloudFront-Viewer-Address".into()], &lines), ip(client), "{value}");
    }
    let wrong = Clients::default().read(["no header".into(), fly, "".into()]);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].contains("\"no header\" is not the name of a header"), "{wrong:?}");
}

#[test]
fn f14_addresses_with_ipv4_inside_count_by_it() {
    let clients = Clients::default();
    for address in [
        "64:ff9b::203.0.113.7",
        "2001:0:5ef5:79fd:0:59d:34ff:8ef8", // Teredo: the last four bytes are inverted.
        "2002:cb00:7107::1",
        "2002:cb00:7107:ffff:1:2:3:4",
        "::ffff:203.0.113.7",
    ] {
        assert_eq!(clients.group(ip(address)), ip("203.0.113.7"), "{address}");
        assert_eq!(clients.known(Some(address), &[]), Some(ip("203.0.113.7")), "{address}");
        assert_eq!(xff(address), ip("203.0.113.7"), "{address}");
    }
    // If the operator chooses the position of the IPv4 address, the whole address counts.
    for address in ["64:ff9b:1::203.0.113.7", "64:ff9b:1:cb00:71:700::"] {
        assert_eq!(clients.group(ip(address)), ip(address));
        assert_eq!(clients.known(Some(address), &[]), Some(ip(address)));
    }
    for other in ["64:ff9b::1:203.0.113.7", "2001:db8::203.0.113.7", "2003::1"] {
        assert!(clients.group(ip(other)).is_ipv6(), "{other}");
    }
}

/// No client is treated as a proxy, or as part of a private network, by an address that any client can send
/// from.
#[test]
fn f14_private_addresses_inside_are_not_trusted() {
    for address in ["64:ff9b::10.0.0.1", "2002:a00:1::1", "2001:0:1:1:1:1:f5ff:fffe"] {
        let client = clients(&ALL).client(Some(ip(address)), &headers(&[("x-forwarded-for", "1.1.1.1")]));
        assert_eq!(client, Client::Known(ip(address)), "{address}");
        assert_eq!(Clients::default().group(ip(address)), ip("10.0.0.1"), "{address}");
    }
}

#[test]
fn f11_a_client_is_unknown_unless_somebody_trusted_names_it() {
    let clients = clients(&[ProxyHeader::XForwardedFor, ProxyHeader::Forwarded]);
    let proxy = Some(PROXY);
    assert_eq!(clients.known(None, &[("x-forwarded-for", "1.1.1.1")]), None, "no peer");
    assert_eq!(clients.known(proxy, &[]), None, "no header");
    assert_eq!(clients.known(proxy, &[("x-forwarded-for", "10.0.0.9, 10.0.0.2")]), None, "proxies only");
    assert_eq!(clients.known(proxy, &[("x-forwarded-for", "unknown")]), None, "garbage");
    assert_eq!(clients.known(proxy, &[("forwarded", "for=\"1.1.1.1")]), None, "an open quote");
    assert_eq!(clients.known(proxy, &[("x-real-ip", "1.1.1.1")]), None, "not enabled");
    assert_eq!(clients.known(proxy, &[("x-forwarded-for", "1.1.1.1")]), Some(ip("1.1.1.1")));
    assert_eq!(clients.known(Some("9.9.9.9"), &[("x-forwarded-for", "1.1.1.1")]), Some(ip("9.9.9.9")));
}

#[test]
fn f13_hops_are_counted_from_the_right() {
    let by = |hops, peer, value: &'static str| {
        let mut clients = Clients::default();
        clients.trust_hops(hops);
        assert!(clients.problems().is_empty());
        clients.known(peer, &[("x-forwarded-for", value)])
    };
    let peer = Some("9.9.9.9");
    for (hops, value, client) in [
        (1, "6.6.6.6, 1.1.1.1", Some("1.1.1.1")),
        (2, "6.6.6.6, 1.1.1.1, 10.0.0.2", Some("1.1.1.1")),
        (2, "6.6.6.6, 1.1.1.1, garbage", Some("1.1.1.1")),
        (1, "1.1.1.1, garbage", None),
        (2, "1.1.1.1", None),
        (1, "", None),
        (32, "1.1.1.1", None),
    ] {
        assert_eq!(by(hops, peer, value), client.map(ip), "{hops}: {value}");
        assert_eq!(by(hops, None, value), client.map(ip), "on a Unix socket, {hops}: {value}");
    }
    let mut single = Clients::default();
    single.trust_hops(1);
    assert!(single.read(["Fly-Client-IP".into()]).is_empty());
    assert_eq!(single.known(peer, &[("fly-client-ip", "1.1.1.1")]), Some(ip("1.1.1.1")));
    assert_eq!(single.known(peer, &[]), None);
    single.trust_hops(33);
    single.trust("10.0.0.0/8").unwrap();
    assert_eq!(single.problems().len(), 2);
}

#[test]
fn f13_networks_of_clients_are_not_trusted() {
    for network in [
        "0.0.0.0/0",
        "::/0",
        "0.0.0.0/1",
        "128.0.0.0/1",
        "64.0.0.0/7",
        "::ffff:0:0/96",
        "2000::/3",
        "8000::/1",
    ] {
        let error = Clients::default().trust(network).unwrap_err();
        assert!(
            error.starts_with(&format!("the trusted proxy {network:?} is a network of clients")),
            "{error}"
        );
        assert!(error.contains("trusted_hops(1)"), "{error}");
    }
    let mut pieces = Clients::default();
    for first in 0..=255 {
        assert!(pieces.problems().is_empty());
        pieces.trust(&format!("{first}.0.0.0/8")).unwrap();
    }
    assert!(pieces.problems()[0].contains("together cover 0.0.0.0/0"), "{:?}", pieces.problems());
}

#[test]
fn single_address_must_be_alone_and_valid() {
    for header in [ProxyHeader::CfConnectingIp, ProxyHeader::TrueClientIp] {
        let name = header.name();
        let then = ("x-real-ip", "1.1.1.1");
        let read = [header, ProxyHeader::XRealIp];
        assert_eq!(named(&read, &[(name, "2.2.2.2"), then]), ip("2.2.2.2"));
        for value in ["unknown", "", "2.2.2.2, 3.3.3.3"] {
            assert_eq!(named(&read, &[(name, value), then]), ip("1.1.1.1"), "{name}: {value}");
            assert_eq!(named(&[header], &[(name, value)]), ip(PROXY), "{name}: {value}");
        }
        let twice = [(name, "2.2.2.2"), (name, "2.2.2.2"), then];
        assert_eq!(named(&read, &twice), ip("1.1.1.1"), "{name} twice");
    }
    assert_eq!(named(&[ProxyHeader::XRealIp], &[("x-real-ip", "1.1.1.1"); 2]), ip(PROXY));
}

#[test]
fn d11_ipv4_mapped_address_shares_the_ipv4_bucket() {
    let clients = Clients::default();
    assert_eq!(clients.group(ip("::ffff:1.2.3.4")), ip("1.2.3.4"));
    assert_eq!(clients.group(ip("1.2.3.4")), ip("1.2.3.4"));
    assert_ne!(clients.group(ip("1.2.3.5")), clients.group(ip("1.2.3.4")));
}

#[test]
fn ipv6_addresses_are_grouped_by_their_prefix() {
    let mut clients = Clients::default();
    let address = ip("2001:db8:1:2:3:4:5:6");
    assert_eq!(clients.group(address), ip("2001:db8:1:2::"));
    for (prefix, group) in
        [(1, "::"), (48, "2001:db8:1::"), (56, "2001:db8:1::"), (128, "2001:db8:1:2:3:4:5:6")]
    {
        clients.group_ipv6(prefix).unwrap();
        assert_eq!(clients.group(address), ip(group), "/{prefix}");
    }
    let wrong = "an IPv6 prefix of 0 bits does not exist: write one from 1 to 128";
    assert_eq!(clients.group_ipv6(0).unwrap_err(), wrong);
    assert!(clients.group_ipv6(129).is_err());
    assert_eq!(clients.group(address), address, "a wrong prefix changes nothing");
}

#[test]
fn networks_and_addresses_can_be_trusted() {
    for (network, inside, outside) in [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
        ("10.1.2.3/8", "10.255.0.1", "11.0.0.1"),
        ("192.168.1.1", "192.168.1.1", "192.168.1.2"),
        ("::ffff:10.0.0.0/104", "10.255.0.1", "11.0.0.1"),
        ("::ffff:192.168.1.1", "192.168.1.1", "192.168.1.2"),
        ("fd00::/8", "fd00::1", "fe00::1"),
        ("::1", "::1", "::2"),
    ] {
        let mut clients = Clients::default();
        clients.trust(network).unwrap();
        assert!(clients.trusts(ip(inside)), "{network} {inside}");
        assert!(!clients.trusts(ip(outside)), "{network} {outside}");
    }
}

#[test]
fn wrong_networks_are_named() {
    for network in ["", "proxy", "10.0.0.0/33", "10.0.0.1:80", "10.*", "fe80::1%eth0", "10.0.0.0/255.0.0.0"] {
        let error = Clients::default().trust(network).unwrap_err();
        let told = format!(
            "the trusted proxy {network:?} is neither a network nor an address: \
             write one such as \"10.0.0.0/8\" or \"192.168.1.1\""
        );
        assert_eq!(error, told);
    }
}

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
