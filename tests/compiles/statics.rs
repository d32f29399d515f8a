//! Wherever a static may stand, with whatever stands on it.

#![deny(warnings, missing_docs, unused)]

use throttle::strategy::Gcra;
use throttle::{StaticThrottle, throttle};

/// Documented.
#[throttle(rate = "10/hour")]
pub static DOCUMENTED: StaticThrottle;

#[throttle(uid = "crate", rate = "10/s, 500/hour", strategy = Gcra::new(), key = header("x-api-key"), cost = 2, dry_run)]
pub(crate) static CRATE: throttle::StaticThrottle;

#[throttle(rate = "10/hour")]
#[cfg(any())]
static NEVER: StaticThrottle;

#[throttle(rate = "10/hour", degrade, only = "/api/**", crate = ::throttle)]
#[allow(dead_code, reason = "attributes stay where they are")]
static UNUSED: StaticThrottle;

#[throttle(rate = "10/hour")]
#[allow(non_upper_case_globals)]
static r#type: StaticThrottle;

mod inner {
    use super::*;

    #[throttle(rate = "10/hour")]
    pub(super) static INNER: StaticThrottle;
}

#[throttle(CRATE)]
#[throttle(inner::INNER, crate = ::throttle)]
async fn handler() {}

#[test]
fn compiles() {
    #[throttle(rate = "10/hour")]
    static LOCAL: StaticThrottle;
    let uids = [&DOCUMENTED, &CRATE, &r#type, &inner::INNER, &LOCAL].map(StaticThrottle::uid);
    assert!(uids[0].ends_with("::DOCUMENTED") && uids[2].ends_with("::type"), "{uids:?}");
    let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
}
