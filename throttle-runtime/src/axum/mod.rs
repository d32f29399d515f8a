//! The integration with axum handlers.

mod guard;
mod linked;
#[cfg(feature = "aide")]
mod openapi;
mod own;
mod permit;
mod plug;
mod reject;
mod told;
#[cfg(feature = "axum-extra")]
mod typed_path;
#[cfg(feature = "ws")]
pub mod ws;

pub use guard::{Handles, OnlyAxumCallsThrottledHandlers, Passing, Telling, With, Without};
#[cfg(feature = "tower")]
pub(crate) use own::reshaped;
pub use reject::problem_json;
#[cfg(feature = "ws")]
pub(crate) use reject::shaped;
