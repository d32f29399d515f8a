//! The integration with axum handlers.

mod admitted;
mod extract;
mod guard;
mod handler;
#[cfg(feature = "aide")]
mod openapi;
mod rejection;
mod resolver;
#[cfg(feature = "axum-extra")]
mod typed_path;

pub use guard::{ForwardsRequest, HandlerSignature, OnlyAxumCallsThrottledHandlers, TakesDecision};
#[cfg(feature = "tower")]
pub(crate) use handler::reshaped;
#[cfg(feature = "ws")]
pub(crate) use handler::shaped;
pub use rejection::problem_json;
