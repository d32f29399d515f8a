use headers::Header as _;
use headers::authorization::{Authorization, Basic, Bearer, Credentials};
use http::HeaderName;
use proptest::prelude::*;

use super::*;

fn lines(name: &'static str, lines: &[&str]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in lines {
        map.append(HeaderName::from_static(name), line.parse().expect("a header value"));
    }
    map
}

fn session(values: &[&str]) -> Option<Vec<u8>> {
    cookie(&lines("cookie", values), "session").map(|value| value.to_vec())
}

fn credentials(values: &[&str]) -> Option<Vec<u8>> {
    header(&lines("authorization", values), "Authorization").map(|value| value.to_vec())
}

#[test]
fn f10_every_spelling_of_a_cookie_is_one_value() {
    for line in [
        "session=s3cret",
        "session= s3cret ",
        "  session =\ts3cret",
        "a=b;session=s3cret;c",
        "session=\"s3cret\"",
        "session=s%33cret",
        "sess%69on=%22s3cret%22",
        "session=s3cret; session=s%33cret",
        "session=s3cret; session=%ff",
        "xsession=no; Session=no; session=s3cret",
    ] {
        assert_eq!(session(&[line]).as_deref(), Some(&b"s3cret"[..]), "{line}");
    }
    assert_eq!(session(&["session=s3cret", "b=c; session=s3cret"]).as_deref(), Some(&b"s3cret"[..]));
    assert_eq!(session(&["session=100%"]).as_deref(), Some(&b"100%"[..]));
    assert_eq!(session(&["session=a%2"]).as_deref(), Some(&b"a%2"[..]));
}

#[test]
fn f10_several_different_cookies_are_no_value() {
    for different in [
        &["session=junk1; session=s3cret"][..],
        &["session=s3cret; session=junk1"],
        &["session=s3cret", "session=junk1"],
        &["session=s3cret; session="],
        &["session=; session=s3cret"],
        &["session="],
        &["session=\"\""],
        &["session"],
        &["session=%ff"],
        &["sess=s3cret"],
        &[""],
        &[],
    ] {
        assert_eq!(session(different), None, "{different:?}");
    }
}

#[test]
fn f10_every_spelling_of_a_credential_is_one_value() {
    for line in
        ["Bearer x", "bearer x", "BEARER x", " Bearer   x ", "Bearer\tx", "Bearer \t x", "\tbEARER x\t"]
    {
        assert_eq!(credentials(&[line]).as_deref(), Some(&b"bearer x"[..]), "{line}");
    }
    assert_eq!(credentials(&["Bearer x", "bearer  x"]).as_deref(), Some(&b"bearer x"[..]));
    assert_eq!(credentials(&["Bearer x", "Bearer y"]), None);
    assert_eq!(credentials(&["", "Bearer y"]), None);
    assert_eq!(credentials(&[""]), None);
    assert_eq!(credentials(&["  "]), None);
    assert_ne!(credentials(&["Bearer X"]), credentials(&["Bearer x"]), "credentials have cases");
    assert_ne!(credentials(&["TOKEN"]), credentials(&["token"]), "a word alone is no scheme");
    let key = |value: &str| header(&lines("x-api-key", &[value]), "X-Api-Key").map(|value| value.to_vec());
    assert_eq!(key(" k\t"), key("k"));
    assert_ne!(key("K"), key("k"));
    assert_eq!(key(""), None);
    assert!(header(&HeaderMap::new(), "not a name").is_none());
}

/// Returns the values that a handler with the crate `cookie` may read, in order, without the quotes around
/// them.
fn read_by_the_crate(lines: &HeaderMap) -> Vec<String> {
    let lines = lines.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let cookies =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| ::cookie::Cookie::parse_encoded(pair).ok());
    cookies.filter(|cookie| cookie.name() == "s").map(|cookie| cookie.value_trimmed().to_owned()).collect()
}

fn cookie_lines() -> impl Strategy<Value = HeaderMap> {
    let token = proptest::sample::select(vec![
        "s", "=", ";", " ", "\t", "\"", "%73", "%22", "%", "x", "%ff", "é", "s=x", "; s=",
    ]);
    let line = proptest::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat());
    proptest::collection::vec(line, 0..3).prop_map(|texts| {
        let mut map = HeaderMap::new();
        for text in texts {
            map.append(COOKIE, HeaderValue::from_bytes(text.as_bytes()).expect("a header value"));
        }
        map
    })
}

fn bearer_line() -> impl Strategy<Value = (String, String)> {
    let scheme = "[bB][eE][aA][rR][eE][rR]";
    (scheme, " {1,3}", "[!-~]{1,80}")
        .prop_map(|(scheme, blank, token)| (format!("{scheme}{blank}{token}"), token))
}

proptest! {
    #[test]
    fn f10_cookies_are_read_as_the_crate_reads_them(map in cookie_lines()) {
        let mut read = read_by_the_crate(&map);
        read.dedup();
        let ours = cookie(&map, "s").map(|value| value.to_vec());
        match &read[..] {
            [one] if !one.is_empty() => prop_assert_eq!(ours, Some(one.clone().into_bytes())),
            _ => prop_assert_eq!(ours, None),
        }
    }

    #[test]
    fn f10_bearer_tokens_are_told_apart_as_by_headers((one, first) in bearer_line(), (two, second) in bearer_line()) {
        let typed = |line: &str| {
            let value: HeaderValue = line.parse().expect("a header value");
            let read = Authorization::<Bearer>::decode(&mut std::iter::once(&value));
            read.expect("a token").token().to_owned()
        };
        prop_assert_eq!(typed(&one), &*first);
        prop_assert_eq!(typed(&two), &*second);
        prop_assert_eq!(first == second, credentials(&[&one]) == credentials(&[&two]));
        let again = format!(" {}  ", one.replacen(' ', "  ", 1));
        prop_assert_eq!(credentials(&[&one]), credentials(&[&again]));
    }

    #[test]
    fn f10_basic_credentials_are_told_apart_as_by_headers(user in "[a-z]{1,5}", password in "[ -~]{0,9}", blank in " {1,3}") {
        let plain = Authorization::basic(&user, &password).0.encode();
        let plain = plain.to_str().expect("text").to_owned();
        let spaced = plain.replacen("Basic ", &format!("bAsIc{blank}"), 1);
        let value: HeaderValue = spaced.parse().expect("a header value");
        let read = Authorization::<Basic>::decode(&mut std::iter::once(&value)).expect("credentials");
        prop_assert_eq!((read.username(), read.password()), (&*user, &*password));
        prop_assert_eq!(credentials(&[&plain]), credentials(&[&spaced]));
    }

    #[test]
    fn f10_no_bytes_panic(bytes in proptest::collection::vec(prop_oneof![Just(b'\t'), b' '..=b'~', 128..=255_u8], 0..60)) {
        let value = HeaderValue::from_bytes(&bytes).expect("a header value");
        let map = HeaderMap::from_iter([(COOKIE, value.clone()), (AUTHORIZATION, value)]);
        let _ = (cookie(&map, "s"), header(&map, "authorization"), header(&map, "cookie"));
    }
}
