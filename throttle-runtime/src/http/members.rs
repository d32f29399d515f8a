//! The members of one throttle in list headers: `"search";r=3;t=20`. Each throttle has them once, even if it
//! has decided twice about a request.

use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use super::label::{escape, period_at};

/// Removes duplicate lines of a throttle, after a line was added: either the new line or the lines before it.
/// The lines with the least remaining quota stay. `name` is [escaped].
pub(super) fn unite(map: &mut HeaderMap, headers: [&HeaderName; 2], name: &[u8]) {
    let Some(is_less) = last_is_less(map.get_all(headers[1]).iter().filter(|line| is_of(line, name))) else {
        return;
    };
    for header in headers {
        retain(map, header, name, is_less);
    }
}

/// Returns whether the last line has less remaining quota than each line before. `None` if there is only one.
fn last_is_less<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Option<bool> {
    let left = |line: &HeaderValue| remaining(line).unwrap_or(u64::MAX);
    let lines: SmallVec<[&HeaderValue; 2]> = lines.collect();
    let (new, before) = lines.split_last().filter(|(_, before)| !before.is_empty())?;
    Some(before.iter().all(|before| left(new) < left(before)))
}

/// Keeps either the last line of that throttle, or the lines before it.
fn retain(map: &mut HeaderMap, header: &HeaderName, name: &[u8], last: bool) {
    let lines: SmallVec<[HeaderValue; 4]> = map.get_all(header).iter().cloned().collect();
    let ours = |line: &&HeaderValue| is_of(line, name);
    let Some(new) =
        lines.iter().rposition(|line| ours(&line)).filter(|_| lines.iter().filter(ours).count() > 1)
    else {
        return;
    };
    map.remove(header);
    for (at, line) in lines.iter().enumerate() {
        if !ours(&line) || (at == new) == last {
            map.append(header, line.clone());
        }
    }
}

/// Returns the name of a throttle, as in its members.
pub(super) fn escaped(throttle: &str) -> Vec<u8> {
    let mut name = Vec::new();
    escape(&mut name, throttle);
    name
}

/// Whether the first member of a line is a limit of that throttle: `"search"`, or `"search/hour"`.
fn is_of(line: &HeaderValue, name: &[u8]) -> bool {
    let label = line.as_bytes().strip_prefix(b"\"").and_then(|line| line.strip_prefix(name));
    let Some(rest) = label.and_then(|rest| rest.split(|&byte| byte == b'"').next()) else { return false };
    rest.is_empty() || str::from_utf8(rest).is_ok_and(|rest| period_at(rest) == Some(0))
}

/// Returns the smallest `r` of a line.
fn remaining(line: &HeaderValue) -> Option<u64> {
    let text = line.to_str().ok()?;
    let values = text.split("\";r=").skip(1);
    values.filter_map(|rest| rest.split([';', ',']).next()?.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f16_lines_of_a_throttle_are_told_from_those_of_others() {
        let is = |line: &'static str, name: &str| is_of(&HeaderValue::from_static(line), &escaped(name));
        assert!(is("\"api\";r=1;t=2", "api") && is("\"api/hour\";r=1;t=2, \"api/day\";r=3;t=4", "api"));
        assert!(!is("\"api2\";r=1;t=2", "api") && !is("\"ap\";r=1;t=2", "api"));
        assert!(!is("\"api/v1\";r=1;t=2", "api") && is("\"api/v1\";r=1;t=2", "api/v1"));
        assert!(!is("\"a%2Fhour\";r=1", "a") && is("\"a%2Fhour\";r=1", "a/hour"));
        assert!(is("\"a\\\"b\";r=1", "a\"b"));
        assert!(
            is("\"a/min/2\";r=1", "a") && !is("\"a%2Fmin/2\";r=1", "a") && is("\"a%2Fmin/2\";r=1", "a/min/2")
        );
    }

    #[test]
    fn f16_the_least_of_a_line_is_read() {
        let of = |line| remaining(&HeaderValue::from_static(line));
        assert_eq!(of("\"a/min\";r=7;t=1, \"a/hour\";r=5;t=9"), Some(5));
        assert_eq!((of("\"a\";r=12;t=1"), of("\"a\";q=1;w=2")), (Some(12), None));
    }
}
