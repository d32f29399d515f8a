//! HTTP without a framework: who the client is, and what the answer says.

pub(crate) mod client;
pub(crate) mod fields;
pub(crate) mod headers;
pub(crate) mod source;

pub use client::ProxyHeader;
pub use headers::{Generation, Headers, When};
