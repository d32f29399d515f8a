//! The names of limits in headers, escaped so that different limits never have the same name.

use crate::rate::Rate;

/// The name of one limit: the name of the throttle and, if the throttle has several limits, the period. A
/// second limit with the same period has a number as well.
///
/// The name is a string that structured fields and JSON read alike: printable ASCII in quotes, with quotes
/// and backslashes escaped (RFC 9651 section 3.3.3, RFC 8259 section 7).
pub(super) type Label = Box<[u8]>;

/// Returns the name of a limit. A limit that is not the only one has its period, and the number of limits with
/// that period so far.
pub(super) fn label(throttle: &str, period: Option<(Rate, usize)>) -> Label {
    let mut label = Vec::new();
    label.push(b'"');
    escape(&mut label, throttle);
    if let Some((rate, number)) = period {
        let rate = rate.to_string();
        label.extend_from_slice(rate.find('/').map_or(b"", |slash| &rate.as_bytes()[slash..]));
        if number > 1 {
            label.extend_from_slice(format!("/{number}").as_bytes());
        }
    }
    label.push(b'"');
    label.into()
}

/// Returns the index where the part of a name begins that distinguishes the limits of a throttle: a period,
/// or a period and a number.
pub(super) fn period_at(name: &str) -> Option<usize> {
    let numbered =
        name.rsplit_once('/').filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    let name = numbered.map_or(name, |(name, _)| name);
    name.rfind('/').filter(|at| ["1", &name[*at..]].concat().parse::<Rate>().is_ok())
}

/// Appends the name of a throttle, escaped for a quoted string.
pub(super) fn escape(line: &mut Vec<u8>, throttle: &str) {
    // A throttle named `search/min` must not have the same name as a limit of `search`.
    let period_at = period_at(throttle);
    for (at, character) in throttle.char_indices() {
        if period_at == Some(at) {
            encode(line, character);
            continue;
        }
        match character {
            '"' | '\\' => line.extend([b'\\', character as u8]),
            ' '..='~' if character != '%' => line.push(character as u8),
            other => encode(line, other),
        }
    }
}

/// Percent-encodes the bytes of a character, so that different names stay different.
fn encode(label: &mut Vec<u8>, character: char) {
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        label.extend_from_slice(format!("%{byte:02X}").as_bytes());
    }
}
