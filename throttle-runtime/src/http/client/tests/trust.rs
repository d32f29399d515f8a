//! Which peers are proxies.

use super::*;

#[test]
fn b097_untrusted_peer_is_the_client_whatever_it_sends() {
    let lines = headers(&[("x-forwarded-for", "1.1.1.1")]);
    assert_eq!(Clients::default().address(ip("10.0.0.1"), &lines), ip("10.0.0.1"));
    assert_eq!(clients(&ALL).address(ip("9.9.9.9"), &lines), ip("9.9.9.9"));
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
