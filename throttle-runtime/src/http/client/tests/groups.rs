//! Addresses that count as one client.

use super::*;

#[test]
fn b099_ipv4_mapped_peer_is_its_ipv4_address() {
    let lines = headers(&[("x-forwarded-for", "1.1.1.1, ::ffff:10.0.0.2")]);
    assert_eq!(clients(&ALL).address(ip("::ffff:10.0.0.1"), &lines), ip("1.1.1.1"));
    assert_eq!(Clients::default().address(ip("::ffff:10.0.0.1"), &lines), ip("10.0.0.1"));
    assert_eq!(xff("::ffff:1.1.1.1"), ip("1.1.1.1"));
}

#[test]
fn d11_ipv4_mapped_address_shares_the_ipv4_bucket() {
    let clients = Clients::default();
    assert_eq!(clients.group(ip("::ffff:1.2.3.4")), ip("1.2.3.4"));
    assert_eq!(clients.group(ip("1.2.3.4")), ip("1.2.3.4"));
    assert_ne!(clients.group(ip("1.2.3.5")), clients.group(ip("1.2.3.4")));
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
