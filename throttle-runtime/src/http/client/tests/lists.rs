//! The lists `X-Forwarded-For` and `Forwarded`: which entry is the client.

use super::*;

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
