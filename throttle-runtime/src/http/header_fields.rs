//! Writes the headers about the limits.

use std::borrow::Cow;
use std::time::Duration;

use http::header::{Entry, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use super::headers::{DraftVersion, HeaderPolicy, Headers};
use super::label::{Label, label};
use super::members;
use crate::decision::Quota;
use crate::rate::Rate;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const LEGACY_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const LEGACY_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const LEGACY_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The largest integer of a structured field (RFC 9651 section 3.3.1).
const MAX_INTEGER: u64 = 999_999_999_999_999;

/// The content of the headers of one throttle.
pub(crate) struct Report<'a> {
    /// The throttle's name in headers.
    pub(crate) name: &'a str,
    /// The constant part of the headers, if the limits are always the same.
    pub(crate) advertised: Option<&'a Advertised>,
    pub(crate) quotas: &'a [Quota],
    /// The wait, if the response is a denial and a wait helps.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) denied: bool,
    pub(crate) headers: Headers,
}

impl Report<'_> {
    /// Adds the headers. Lists are extended if another throttle has written to them. Of single values, the
    /// strictest stays.
    pub(crate) fn write(&self, map: &mut HeaderMap) {
        if let Some(seconds) = self.retry_after_seconds().filter(|_| self.headers.retry_after) {
            keep_largest(map, RETRY_AFTER, seconds);
        }
        if self.quotas.is_empty() || (self.headers.when == HeaderPolicy::Denied && !self.denied) {
            return;
        }
        match self.headers.draft_version {
            None => {}
            Some(DraftVersion::Draft11) => self.write_draft_11(map),
        }
        if self.headers.legacy {
            self.write_legacy(map);
        }
    }

    /// Returns the wait in whole seconds: rounded up, at least 1.
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|wait| whole_seconds(wait).max(1))
    }

    fn write_draft_11(&self, map: &mut HeaderMap) {
        let advertised = self.advertised();
        if self.headers.policy {
            append(map, POLICY, self.policy(&advertised));
        }
        if append(map, LIMIT, self.state(&advertised.labels)) {
            members::unite(map, [&POLICY, &LIMIT], &advertised.name);
        }
    }

    /// Returns the value of `RateLimit-Policy`. Its `q` is the limit that applies to this client, so `r` is
    /// never above it.
    fn policy(&self, advertised: &Advertised) -> Option<HeaderValue> {
        let mut limits = self.quotas.iter().zip(&advertised.limits);
        if limits.all(|(quota, limit)| quota.is_limited_to(*limit)) {
            return advertised.policy.clone();
        }
        policy(&advertised.labels, self.quotas.iter().map(Quota::rate))
    }

    fn advertised(&self) -> Cow<'_, Advertised> {
        self.advertised.map_or_else(
            || Cow::Owned(Advertised::new(self.name, self.quotas.iter().map(Quota::rate))),
            Cow::Borrowed,
        )
    }

    /// Returns the value of `RateLimit`.
    fn state(&self, labels: &[Label]) -> Option<HeaderValue> {
        let mut line = Vec::new();
        for (label, quota) in labels.iter().zip(self.quotas).filter(|(_, quota)| limits(quota)) {
            // The draft does not allow a `Retry-After` that ends before the effective window. So the window
            // of a limit that denies ends no later than its wait.
            let window = quota.retry_after().map_or(quota.next_after(), |wait| wait.min(quota.next_after()));
            let remaining = quota.remaining().min(MAX_INTEGER);
            let (mut left, mut seconds) = (itoa::Buffer::new(), itoa::Buffer::new());
            let (left, seconds) = (left.format(remaining), seconds.format(whole_seconds(window)));
            push(&mut line, label, [(b";r=", left), (b";t=", seconds)]);
        }
        HeaderValue::try_from(line).ok()
    }

    /// Returns the names of the limits that the request does not fit, as the members of a JSON list.
    pub(crate) fn violated(&self) -> String {
        let advertised = self.advertised();
        let limits = advertised.labels.iter().zip(self.quotas).filter(|(_, quota)| limits(quota));
        let violated: Vec<&[u8]> =
            limits.filter(|(_, quota)| !quota.fits()).map(|(label, _)| &**label).collect();
        // All bytes are ASCII.
        String::from_utf8_lossy(&violated.join(&b","[..])).into_owned()
    }

    fn write_legacy(&self, map: &mut HeaderMap) {
        let limits = self.quotas.iter().filter(|quota| limits(quota));
        let Some(tightest) = limits.min_by_key(|quota| (quota.fits(), quota.remaining())) else { return };
        let stricter =
            map.get(&LEGACY_REMAINING).and_then(number).is_some_and(|left| left < tightest.remaining());
        if !stricter {
            map.insert(LEGACY_LIMIT, tightest.rate().limit().into());
            map.insert(LEGACY_REMAINING, tightest.remaining().into());
            map.insert(LEGACY_RESET, whole_seconds(tightest.reset_after()).into());
        }
    }
}

/// The part of the headers that stays the same as long as the limits do.
#[derive(Clone)]
pub(crate) struct Advertised {
    /// The name of the throttle, as in the labels.
    name: Box<[u8]>,
    labels: SmallVec<[Label; 1]>,
    /// The limits in `policy`.
    limits: SmallVec<[u64; 1]>,
    /// The value of `RateLimit-Policy`.
    policy: Option<HeaderValue>,
}

impl Advertised {
    pub(crate) fn new(throttle: &str, rates: impl Iterator<Item = Rate> + Clone) -> Self {
        let several = rates.clone().filter(|rate| !rate.is_unlimited()).count() > 1;
        let label = |(index, rate): (usize, Rate)| {
            let same = |before: &Rate| before.period() == rate.period() && !before.is_unlimited();
            let number = 1 + rates.clone().take(index).filter(same).count();
            label(throttle, several.then_some((rate, number)))
        };
        let labels: SmallVec<[Label; 1]> = rates.clone().enumerate().map(label).collect();
        let limits = rates.clone().map(|rate| rate.limit()).collect();
        let policy = policy(&labels, rates);
        Self { name: members::escaped(throttle).into(), labels, limits, policy }
    }
}

fn policy(labels: &[Label], rates: impl Iterator<Item = Rate>) -> Option<HeaderValue> {
    let mut line = Vec::new();
    for (label, rate) in labels.iter().zip(rates).filter(|(_, rate)| !rate.is_unlimited()) {
        let (mut limit, mut seconds) = (itoa::Buffer::new(), itoa::Buffer::new());
        let limit = limit.format(rate.limit().min(MAX_INTEGER));
        match window(rate) {
            Some(window) => push(&mut line, label, [(b";q=", limit), (b";w=", seconds.format(window))]),
            None => push(&mut line, label, [(b";q=", limit)]),
        }
    }
    HeaderValue::try_from(line).ok().filter(|value| !value.is_empty())
}

const fn limits(quota: &Quota) -> bool {
    !quota.rate().is_unlimited()
}

/// Appends the member of a list: a label with parameters. The first call allocates exactly what it needs, so
/// that the line of one limit becomes a header value without a copy.
#[inline]
fn push<const N: usize>(line: &mut Vec<u8>, label: &[u8], parameters: [(&[u8; 3], &str); N]) {
    let separator: &[u8] = if line.is_empty() { b"" } else { b", " };
    let length = parameters.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    let length = separator.len() + label.len() + length;
    if line.is_empty() {
        *line = Vec::with_capacity(length);
    } else {
        line.reserve(length);
    }
    line.extend_from_slice(separator);
    line.extend_from_slice(label);
    for (name, value) in parameters {
        line.extend_from_slice(name);
        line.extend_from_slice(value.as_bytes());
    }
}

/// Returns seconds, rounded up, so that a client that waits for them has waited long enough.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).min(MAX_INTEGER)
}

/// Returns the window in whole seconds. The draft cannot express any other window.
fn window(rate: Rate) -> Option<u64> {
    let period = rate.period();
    (period.subsec_nanos() == 0).then(|| period.as_secs().min(MAX_INTEGER))
}

/// Adds a line. Returns whether there was a line with that name before.
fn append(map: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) -> bool {
    // If the header map is full, the line is not added: the headers are only advice.
    value.and_then(|value| map.try_append(name, value).ok()).unwrap_or(false)
}

/// Adds a number, unless there is a larger one.
fn keep_largest(map: &mut HeaderMap, name: HeaderName, value: u64) {
    // Faster than the conversion of a number to a header value, which allocates twice.
    let Ok(digits) = HeaderValue::from_str(itoa::Buffer::new().format(value)) else { return };
    match map.entry(name) {
        Entry::Vacant(entry) => drop(entry.insert(digits)),
        Entry::Occupied(mut entry) if number(entry.get()).is_none_or(|present| present < value) => {
            entry.insert(digits);
        }
        Entry::Occupied(_) => {}
    }
}

fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}
