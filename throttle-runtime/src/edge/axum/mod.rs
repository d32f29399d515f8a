//! The integration with axum handlers.

mod admitted;
mod extract;
mod guard;
mod handler;
mod handler_needs;
#[cfg(feature = "aide")]
mod openapi;
mod rejection;
mod resolver;
#[cfg(feature = "axum-extra")]
mod typed_path;

pub use guard::OnlyAxumCallsThrottledHandlers;
#[cfg(feature = "tower")]
pub(crate) use handler::reshaped;
#[cfg(feature = "ws")]
pub(crate) use handler::shaped;
pub use handler_needs::{ForwardsRequest, HandlerSignature, TakesDecision};
pub use rejection::problem_json;
