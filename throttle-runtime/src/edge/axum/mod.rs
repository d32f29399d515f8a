//! The integration with axum handlers.

mod admitted;
mod extract;
mod guard;
#[cfg(feature = "aide")]
mod openapi;
mod own;
mod rejection;
mod resolver;
#[cfg(feature = "axum-extra")]
mod typed_path;

pub use guard::{Handles, OnlyAxumCallsThrottledHandlers, Passing, Telling, With, Without};
#[cfg(feature = "tower")]
pub(crate) use own::reshaped;
pub use rejection::problem_json;
#[cfg(feature = "ws")]
pub(crate) use rejection::shaped;
