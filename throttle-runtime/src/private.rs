//! The items that attributes expand to. They are not public, and change between releases without notice: the
//! macros are pinned to an exact version of this crate.

pub use inventory;

#[cfg(feature = "axum")]
pub use crate::edge::axum::{
    ForwardsRequest, HandlerSignature, OnlyAxumCallsThrottledHandlers, TakesDecision,
};
#[cfg(feature = "ws")]
pub use crate::edge::ws;
#[cfg(feature = "axum")]
pub use axum::response::{IntoResponse, Response};

pub use crate::config::key_source::{Cookie, Global, Header, Ip};
pub use crate::config::network::Networks;
pub use crate::config::resolver::{Call, Web, WithState, WithoutState, charge_predicate, erase, role};
pub use crate::config::rule::Rule;
pub use crate::config::settings::Constant as Settings;
pub use crate::edge::direct::static_throttle::StaticThrottle;
pub use crate::edge::function::{Outcome, call_error, enter};
pub use crate::http::Headers;
pub use crate::key::Key;
pub use crate::rate::Rates;
pub use crate::registry::linked_sites::LinkedSites;
pub use crate::registry::site::Site;
pub use crate::resilience::OnError;
pub use crate::strategy::Class;
pub use crate::util::fingerprint::Secret;

/// Parses the rates of a literal at compile time.
#[track_caller]
pub const fn rates(text: &str) -> Rates {
    match Rates::parse(text) {
        Ok(rates) => rates,
        Err(error) => panic!("{}", error.message()),
    }
}

/// Parses the `on_error` policy of a literal at compile time.
#[track_caller]
pub const fn on_error(text: &str) -> OnError {
    match OnError::named(text) {
        Some(policy) => policy,
        None => {
            panic!("unknown `on_error`: write \"allow\", \"throttle\", \"raise\" or the path of an async fn")
        }
    }
}

/// Checks the cost of a literal against the rates of another literal, at compile time.
#[track_caller]
pub const fn cost(cost: u64, rates: &str) -> u64 {
    // Errors in the rates are reported where the rates are written.
    if let Ok(rates) = Rates::parse(rates) {
        assert!(
            cost <= rates.least(),
            "this cost is above the limit, so the request is always denied: write a lower cost, or a `strategy` with a larger burst"
        );
    }
    cost
}

/// Checks the concurrency limit of a constant at compile time.
pub const fn max_concurrent<const IS_POSITIVE: bool>(limit: u32) -> u32
where
    Limit<IS_POSITIVE>: IsPositive,
{
    limit
}

/// A constant limit: whether it is above 0.
#[derive(Debug)]
pub struct Limit<const IS_POSITIVE: bool>;

/// A constant limit that is above 0. A bound, because the message of an assertion begins with "evaluation
/// panicked".
#[diagnostic::on_unimplemented(
    message = "a concurrency limit of 0 rejects every request: write 1 or more",
    label = "this constant is 0"
)]
pub trait IsPositive {}

impl IsPositive for Limit<true> {}

/// Parses the rule of a literal at compile time.
#[track_caller]
pub const fn path(pattern: &'static str) -> Rule {
    Rule::path(pattern)
}

/// Parses the class of a literal at compile time.
#[track_caller]
pub const fn class(name: &str) -> Class {
    Class::new(name)
}

/// Parses the `headers` setting of a literal at compile time.
#[track_caller]
pub const fn headers(text: &str) -> Headers {
    match Headers::named(text) {
        Some(headers) => headers,
        None => panic!("unknown `headers`: write \"draft-11\", \"legacy\", \"off\" or a `Headers` constant"),
    }
}

/// Checks the name of a header or a cookie in a literal, at compile time.
#[track_caller]
pub const fn name(text: &str) -> &str {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        // The token characters of RFC 9110 section 5.6.2.
        let token = bytes[index].is_ascii_alphanumeric()
            || matches!(bytes[index], b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        assert!(token, "this is not a valid name of a header or cookie: use letters, digits and `-`");
        index += 1;
    }
    assert!(!bytes.is_empty(), "the name is empty");
    text
}
