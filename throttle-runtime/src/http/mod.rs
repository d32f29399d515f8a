//! HTTP without a framework: who the client is, and what the answer says.

pub mod client;
pub(crate) mod fields;
pub(crate) mod headers;
pub mod source;

pub use client::ProxyHeader;
pub use headers::{Generation, Headers, When};
