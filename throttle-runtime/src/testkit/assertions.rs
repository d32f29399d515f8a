//! Assertions about decisions and responses, whose messages contain the decision.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};

use crate::decision::{Decision, Quota};
use crate::http::header_fields::whole_seconds;

/// Asserts that the decision allows the request.
///
/// ```
/// # use throttle::{Registry, Settings, testkit::assert_allowed};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let exports = Registry::default().create("exports", Settings::new().rate("10/hour"))?;
/// assert_allowed(&exports.hit("alice").await?);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// If the request is denied.
#[track_caller]
pub fn assert_allowed(decision: &Decision) {
    assert!(decision.is_allowed(), "denied, but should be allowed: {}", said(decision));
}

/// Asserts that the decision denies the request, and that the request fits after exactly `wait`. Zero stands
/// for never.
///
/// ```
/// # use std::time::Duration;
/// # use throttle::{ManualClock, Settings, backend::Memory, registry};
/// # use throttle::testkit::assert_denied;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let memory = Memory::builder().clock(ManualClock::new()).build();
/// # let registry = registry().backend("memory", memory).build().await?;
/// # let exports = registry.create("exports", Settings::new().rate("1/hour"))?;
/// assert!(exports.hit("alice").await?.is_allowed());
/// assert_denied(&exports.hit("alice").await?, Duration::from_secs(3_600));
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// If the request is allowed, or fits after a different wait.
#[track_caller]
pub fn assert_denied(decision: &Decision, wait: Duration) {
    assert!(decision.is_throttled(), "allowed, but should be denied: {}", said(decision));
    let found = decision.retry_after().unwrap_or_default();
    assert!(found == wait, "denied, but it should fit after {wait:?}: {}", said(decision));
}

/// Asserts that `units` are left of the limit that has the fewest units left.
///
/// ```
/// # use throttle::{Hit, Registry, Settings, testkit::assert_remaining};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let exports = Registry::default().create("exports", Settings::new().rate("10/hour"))?;
/// assert_remaining(&exports.hit(Hit::new("alice").cost(4)).await?, 6);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// If a different number of units is left, or the backend was not called.
#[track_caller]
pub fn assert_remaining(decision: &Decision, units: u64) {
    assert!(decision.remaining() == Some(units), "{units} should be left: {}", said(decision));
}

/// Asserts that the response is not a denial: its status is not 429.
///
/// ```
/// use axum::response::IntoResponse;
/// use throttle::testkit::assert_passed;
///
/// assert_passed(&"ok".into_response());
/// ```
///
/// # Panics
///
/// If the status is 429.
#[track_caller]
pub fn assert_passed<B>(response: &Response<B>) {
    let retry_after = response.headers().get(RETRY_AFTER);
    let denied = response.status() == StatusCode::TOO_MANY_REQUESTS;
    assert!(!denied, "denied, but should have passed: status 429, `Retry-After` {retry_after:?}");
}

/// Asserts that the response denies the request: status 429, and `Retry-After` in whole seconds, rounded up. A
/// wait of zero stands for never: then there must be no `Retry-After`.
///
/// ```
/// use std::time::Duration;
///
/// use axum::response::IntoResponse;
/// use throttle::{Throttled, testkit::assert_throttled};
///
/// let response = Throttled::new(Duration::from_millis(1_500)).into_response();
/// assert_throttled(&response, Duration::from_millis(1_500));
/// ```
///
/// # Panics
///
/// If the status is not 429, or `Retry-After` has a different value.
#[track_caller]
pub fn assert_throttled<B>(response: &Response<B>, wait: Duration) {
    let status = response.status();
    assert!(status == StatusCode::TOO_MANY_REQUESTS, "status {status}, but should be denied: 429");
    let told = response.headers().get(RETRY_AFTER);
    let expected = (!wait.is_zero()).then(|| whole_seconds(wait).to_string());
    let same = told.map(HeaderValue::as_bytes) == expected.as_ref().map(String::as_bytes);
    assert!(same, "`Retry-After` is {told:?}, but should be {expected:?}");
}

/// Returns the decision in one line.
fn said(decision: &Decision) -> String {
    let fits = match decision.retry_after() {
        Some(wait) => format!("it fits after {wait:?}"),
        None if decision.is_never() => "it never fits".to_owned(),
        None => "it fits now".to_owned(),
    };
    let left = |quota: &Quota| format!(", {} of {} left", quota.remaining(), quota.rate());
    let left: String = decision.quotas().iter().map(left).collect();
    format!("{fits}{left} (decided by {:?})", decision.reason())
}
