//! The edge for axum handlers.

mod guard;
mod linked;
mod permit;
mod plug;
mod reject;
mod told;
#[cfg(feature = "ws")]
pub mod ws;

pub use guard::{ThrottleGoesAboveDebugHandler, With, Without};
pub use reject::problem_json;
