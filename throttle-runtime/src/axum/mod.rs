//! The edge for axum handlers.

mod guard;
mod linked;
mod permit;
mod plug;
mod reject;
mod told;
mod until_end;
#[cfg(feature = "ws")]
pub mod ws;

pub use guard::{ThrottleGoesAboveDebugHandler, With, Without};
pub use reject::problem_json;
pub(crate) use until_end::until_end;
