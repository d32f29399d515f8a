//! Parsers for the addresses in the headers of proxies.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many entries of a list are read, from the right. Real chains have a few hops, and a client that sends
/// ten thousand entries must not cause ten thousand look-ups.
pub(super) const MOST_HOPS: usize = 32;

/// Returns the address of a header that must occur only once: if there are two lines, the client may have
/// sent one.
pub(super) fn only<'a>(
    mut lines: impl Iterator<Item = &'a [u8]>,
    read: fn(&[u8]) -> Option<IpAddr>,
) -> Option<IpAddr> {
    let line = lines.next()?;
    if lines.next().is_some() { None } else { read(line.trim_ascii()) }
}

/// Parses an address with a port after the last colon.
pub(super) fn node_and_port(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    let (address, _) = text.rsplit_once(':').filter(|(_, port)| is_port(port))?;
    let address = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Returns the entries of one `X-Forwarded-For` line, from the right. Garbage is `None`.
pub(super) fn x_forwarded_for(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    line.rsplit(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty()).map(node)
}

/// Returns the entries of one `Forwarded` line, from the right. Garbage is `None`.
///
/// Only a scan from the left shows whether a comma is quoted, so the scan keeps the last elements.
pub(super) fn forwarded(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    let mut last = VecDeque::with_capacity(MOST_HOPS);
    for element in parts(line, b',') {
        if last.len() == MOST_HOPS {
            last.pop_front();
        }
        last.push_back(element);
    }
    last.into_iter().rev().map(element)
}

/// Returns the address in one element of `Forwarded`, such as `for="[2001:db8::1]:80";proto=https`.
///
/// The element is parsed strictly: every parameter has to be well-formed, and `for` has to occur once.
/// Otherwise, a quote that the client left open could shift the borders of the elements that proxies add.
fn element(text: &[u8]) -> Option<IpAddr> {
    let mut client = None;
    for pair in parts(text, b';') {
        let mut sides = pair.splitn(2, |&byte| byte == b'=');
        let name = sides.next().filter(|name| is_bare(name))?;
        let value = unquoted(sides.next()?)?;
        if name.eq_ignore_ascii_case(b"for") && client.replace(value).is_some() {
            return None;
        }
    }
    node(&client?)
}

/// Splits a text at separators outside quotes. The parts are trimmed, and empty parts are skipped.
fn parts(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let separates = move |&byte: &u8| {
        let plain = !std::mem::take(&mut escaped);
        escaped = plain && quoted && byte == b'\\';
        quoted ^= plain && byte == b'"';
        !quoted && byte == separator
    };
    text.split(separates).map(<[u8]>::trim_ascii).filter(|part| !part.is_empty())
}

/// Returns the content of a parameter's value: a quoted string without its quotes and escapes, or a bare
/// value.
///
/// Bare values may contain colons and brackets. RFC 7239 requires quotes around them, but many proxies send
/// none.
fn unquoted(value: &[u8]) -> Option<Vec<u8>> {
    let Some(quoted) = value.strip_prefix(b"\"") else {
        return is_bare(value).then(|| value.to_vec());
    };
    let mut content = Vec::new();
    let mut rest = quoted.iter();
    loop {
        match rest.next()? {
            b'"' => return rest.as_slice().is_empty().then_some(content),
            b'\\' => content.push(*rest.next()?),
            byte => content.push(*byte),
        }
    }
}

fn is_bare(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

/// Parses the address of a node: `1.2.3.4`, `2001:db8::1` or `[2001:db8::1]`, the first and the last also
/// with a port.
///
/// Names (`unknown`, `_hidden`) and IPv6 zones (`fe80::1%eth0`) are not addresses. A bare IPv6 address has no
/// port, because its last group could be taken for one.
pub(super) fn node(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    let address = if let Some(bracketed) = text.strip_prefix('[') {
        let (host, port) = bracketed.split_once(']')?;
        let host = host.parse::<Ipv6Addr>().ok()?;
        (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(host.into())?
    } else if let Some((host, _)) = text.split_once(':').filter(|(_, port)| is_port(port)) {
        host.parse::<Ipv4Addr>().ok()?.into()
    } else {
        text.parse::<IpAddr>().ok()?
    };
    Some(address.to_canonical())
}

/// Whether the text is a port, or a name that hides a port (RFC 7239). Ports are not used, so any such name
/// is accepted.
fn is_port(text: &str) -> bool {
    text.starts_with('_') || (matches!(text.len(), 1..=5) && text.bytes().all(|byte| byte.is_ascii_digit()))
}
