//! HTTP without a framework: who the client is, and what the answer says.

#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) mod answer;
pub(crate) mod client;
pub(crate) mod fields;
pub(crate) mod headers;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) mod passed;
pub(crate) mod source;
#[cfg(any(feature = "axum", feature = "tower"))]
mod until_end;

pub use client::ProxyHeader;
pub use headers::{Generation, Headers, When};
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) use until_end::until_end;
