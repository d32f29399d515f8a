//! HTTP without a framework: client addresses, key sources, and the headers and default responses of
//! throttles.

#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) mod answer;
pub(crate) mod client;
mod client_ip;
mod credential;
mod embedded;
pub(crate) mod fields;
mod forwarded;
pub(crate) mod headers;
mod members;
pub(crate) mod notices;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) mod passed;
pub(crate) mod peer;
mod proxy_header;
pub(crate) mod source;
#[cfg(any(feature = "axum", feature = "tower"))]
mod until_end;

pub use client_ip::ClientIp;
pub use headers::{Generation, Headers, When};
pub use proxy_header::ProxyHeader;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) use until_end::until_end;
