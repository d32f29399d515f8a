//! One request through its throttles: tickets, the backend call, failures and rejections.

pub(crate) mod admission;
pub(crate) mod admission_builder;
pub(crate) mod backend_call;
pub(crate) mod breaker_gate;
mod charging;
pub(crate) mod concurrency;
pub(crate) mod decide;
pub(crate) mod degrade;
pub(crate) mod denial_response;
mod failover;
mod fallback;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) mod fast_path;
pub(crate) mod healthy;
pub(crate) mod key_cache;
pub(crate) mod on_error;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) mod once_per_request;
pub(crate) mod outcome;
pub(crate) mod prepare;
pub(crate) mod reconcile;
pub(crate) mod rejection;
#[cfg(any(feature = "axum", feature = "tower"))]
mod request_extensions;
pub(crate) mod several;
pub(crate) mod single_throttle;
pub(crate) mod throttle_error;
pub(crate) mod throttled;
pub(crate) mod ticket;
