//! Which headers are read, and headers with one address.

use super::*;

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
