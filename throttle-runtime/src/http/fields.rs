//! The bytes of the header fields.

use std::fmt::Write as _;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::headers::{Generation, Headers, When};
use crate::{Quota, Rate};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const LEGACY_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const LEGACY_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const LEGACY_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The largest Integer of a structured field (RFC 9651 section 3.3.1).
const MAX_INTEGER: u64 = 999_999_999_999_999;

/// What the fields say about one throttle.
pub(crate) struct Report<'a> {
    /// The throttle's name on the wire.
    pub(crate) name: &'a str,
    pub(crate) quotas: &'a [Quota],
    /// The wait of the answer, if it is a denial that a wait helps.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) denied: bool,
    pub(crate) headers: Headers,
}

impl Report<'_> {
    /// Adds the fields. The lists grow where another throttle has written to them; of the single values the
    /// strictest stays.
    pub(crate) fn write(&self, map: &mut HeaderMap) {
        if let Some(wait) = self.retry_after.filter(|_| self.headers.retry_after) {
            keep_largest(map, RETRY_AFTER, whole_seconds(wait).max(1));
        }
        if self.quotas.is_empty() || (self.headers.when == When::Denied && !self.denied) {
            return;
        }
        match self.headers.generation {
            None => {}
            Some(Generation::Draft11) => self.write_draft_11(map),
        }
        if self.headers.legacy {
            self.write_legacy(map);
        }
    }

    fn write_draft_11(&self, map: &mut HeaderMap) {
        let mut line = String::with_capacity(48);
        if self.headers.policy {
            self.list(
                &mut line,
                |_| true,
                |line, quota| {
                    let _ = write!(line, ";q={}", quota.rate().limit().min(MAX_INTEGER));
                    if let Some(seconds) = window(quota.rate()) {
                        let _ = write!(line, ";w={seconds}");
                    }
                },
            );
            append(map, POLICY, &line);
        }
        line.clear();
        self.list(
            &mut line,
            |_| true,
            |line, quota| {
                // The draft wants no Retry-After before the end of the effective window, so that of a limit that
                // has to be waited for is its wait.
                let window =
                    quota.retry_after().map_or(quota.next_after(), |wait| wait.min(quota.next_after()));
                let _ = write!(line, ";r={};t={}", quota.remaining().min(MAX_INTEGER), whole_seconds(window));
            },
        );
        append(map, LIMIT, &line);
    }

    /// The names of the limits that the request does not fit, as the members of a JSON list.
    pub(crate) fn violated(&self) -> String {
        let mut line = String::new();
        self.list(&mut line, |quota| !quota.fits(), |_, _| {});
        line
    }

    /// `"name"` or, with several limits, `"name/period"` for each that counts, followed by its parameters.
    fn list(
        &self,
        line: &mut String,
        counts: impl Fn(&Quota) -> bool,
        parameters: impl Fn(&mut String, &Quota),
    ) {
        let limits = || self.quotas.iter().filter(|quota| !quota.rate().is_unlimited());
        let several = limits().count() > 1;
        for (index, quota) in limits().filter(|quota| counts(quota)).enumerate() {
            line.push_str(if index == 0 { "\"" } else { ", \"" });
            push_name(line, self.name);
            if several {
                let rate = quota.rate().to_string();
                push_name(line, rate.find('/').map_or("", |slash| &rate[slash..]));
            }
            line.push('"');
            parameters(line, quota);
        }
    }

    fn write_legacy(&self, map: &mut HeaderMap) {
        let limited = self.quotas.iter().filter(|quota| !quota.rate().is_unlimited());
        let Some(tightest) = limited.min_by_key(|quota| (quota.fits(), quota.remaining())) else { return };
        let stricter =
            map.get(&LEGACY_REMAINING).and_then(number).is_some_and(|left| left < tightest.remaining());
        if !stricter {
            map.insert(LEGACY_LIMIT, tightest.rate().limit().into());
            map.insert(LEGACY_REMAINING, tightest.remaining().into());
            map.insert(LEGACY_RESET, whole_seconds(tightest.reset_after()).into());
        }
    }
}

/// Seconds, rounded up: a client that waits them has waited long enough.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).min(MAX_INTEGER)
}

/// The window in whole seconds; the draft has no way to say any other.
fn window(rate: Rate) -> Option<u64> {
    let period = rate.period();
    (period.subsec_nanos() == 0).then(|| period.as_secs().min(MAX_INTEGER))
}

/// A structured-field String holds printable ASCII; quotes and backslashes are escaped (RFC 9651 section 3.3.3).
fn push_name(line: &mut String, name: &str) {
    for character in name.chars() {
        match character {
            '"' | '\\' => line.extend(['\\', character]),
            ' '..='~' => line.push(character),
            _ => line.push('?'),
        }
    }
}

fn append(map: &mut HeaderMap, name: HeaderName, line: &str) {
    // Printable ASCII throughout, so it is a header value.
    if let Ok(value) = HeaderValue::from_str(line) {
        map.append(name, value);
    }
}

fn keep_largest(map: &mut HeaderMap, name: HeaderName, value: u64) {
    if map.get(&name).and_then(number).is_none_or(|present| present < value) {
        map.insert(name, value.into());
    }
}

fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}
