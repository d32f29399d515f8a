//! Canonical values of headers and cookies: all spellings that parsers treat as equal have one value.

use std::ops::Deref;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderValue};
use smallvec::SmallVec;

/// A value as it is in the request, or a rewritten value.
#[derive(Debug, Clone)]
pub(crate) enum Value<'h> {
    Borrowed(&'h [u8]),
    Rewritten(SmallVec<[u8; 128]>),
}

impl Deref for Value<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Rewritten(bytes) => bytes,
        }
    }
}

/// Returns the value of a header without surrounding blanks.
///
/// Several lines with equal values are one value. If the values differ, the result is `None`, because the
/// handler may read another line than the throttle. An empty value is `None` too.
pub(crate) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<Value<'h>> {
    let lines = headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if is(AUTHORIZATION.as_str()) || is(PROXY_AUTHORIZATION.as_str()) {
        agreed(lines.map(authorization))
    } else {
        agreed(lines.map(|line| Value::Borrowed(line.trim_ascii())))
    }
}

/// Returns the value of a cookie as the crate `cookie` reads it: names and values are trimmed and
/// percent-decoded, and quotes are removed.
///
/// Several cookies of one name are one value if they are equal. If they differ, the result is `None`. Lines
/// with bytes outside ASCII, and pairs that are not UTF-8 after decoding, are skipped, as in axum's
/// `CookieJar`. An empty value is `None` too.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<Value<'h>> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    agreed(pairs.filter_map(|(key, value)| {
        let key = decoded(key.trim())?;
        let value = decoded(value.trim())?;
        (*key == *name.as_bytes()).then(|| unquoted(value))
    }))
}

/// Returns the first of these values, if all of them are equal and not empty.
fn agreed<'h>(mut values: impl Iterator<Item = Value<'h>>) -> Option<Value<'h>> {
    let first = values.next().filter(|value| !value.is_empty())?;
    values.all(|other| *other == *first).then_some(first)
}

/// Returns credentials with the scheme in lower case, and one space between words. A value of one word has no
/// scheme.
fn authorization(line: &[u8]) -> Value<'_> {
    let line = line.trim_ascii();
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (Some(scheme), Some(first)) = (words.next(), words.next()) else { return Value::Borrowed(line) };
    let mut value = SmallVec::from_slice(scheme);
    value.make_ascii_lowercase();
    for word in std::iter::once(first).chain(words) {
        value.push(b' ');
        value.extend_from_slice(word);
    }
    Value::Rewritten(value)
}

/// Percent-decodes the text. Returns `None` if the result is not UTF-8. A `%` without two hexadecimal digits
/// is kept.
fn decoded(text: &str) -> Option<Value<'_>> {
    if !text.contains('%') {
        return Some(Value::Borrowed(text.as_bytes()));
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = SmallVec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let byte = match after {
            [high, low, ..] if *first == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match byte.and_then(|(high, low)| u8::try_from(high << 4 | low).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    str::from_utf8(&bytes).is_ok().then_some(Value::Rewritten(bytes))
}

/// Returns the value without the quotes around it.
fn unquoted(value: Value<'_>) -> Value<'_> {
    fn inner(bytes: &[u8]) -> Option<&[u8]> {
        bytes.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }
    match value {
        Value::Borrowed(bytes) => Value::Borrowed(inner(bytes).unwrap_or(bytes)),
        Value::Rewritten(bytes) => match inner(&bytes) {
            Some(inner) => Value::Rewritten(SmallVec::from_slice(inner)),
            None => Value::Rewritten(bytes),
        },
    }
}

#[cfg(test)]
mod tests;
