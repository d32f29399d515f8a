#![deny(warnings, missing_docs)]
//! Attributes of all kinds around the throttle's.

use axum::{Router, routing::get};
use throttle::throttle;

/// Answers.
#[throttle(rate = "100/min")]
#[inline]
#[must_use]
#[cfg(not(any()))]
pub async fn items() -> &'static str {
    "ok"
}

#[cfg(any())]
#[throttle(rate = "not a rate, but not compiled either")]
async fn items() {}

#[cfg_attr(not(any()), throttle(rate = "100/min"))]
#[doc(hidden)]
#[deprecated = "use `items`"]
pub async fn old() -> &'static str {
    "old"
}

#[allow(clippy::unused_async)]
#[throttle(rate = "100/min")]
#[doc = concat!("Documented ", "by a macro.")]
pub async fn inner() -> &'static str {
    #![allow(unused_variables)]
    #![allow(clippy::let_and_return)]
    let unused = 1;
    "inner"
}

#[throttle(rate = "100/min")]
async fn arguments(
    #[cfg(any())] absent: Absent,
    #[allow(unused_variables)] method: axum::http::Method,
) -> &'static str {
    "ok"
}

#[test]
fn compiles() {
    #[allow(deprecated)]
    let router = Router::new().route("/a", get(items)).route("/b", get(old)).route("/c", get(inner));
    let _: Router = router.route("/d", get(arguments));
}
