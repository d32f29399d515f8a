//! HTTP without a framework: client addresses, key sources, and the headers and default responses of
//! throttles.

pub(crate) mod client;
mod client_ip;
pub(crate) mod client_lookup;
pub(crate) mod credential;
mod embedded;
mod forwarded;
pub(crate) mod header_fields;
pub(crate) mod headers;
mod members;
pub(crate) mod network;
pub(crate) mod notices;
pub(crate) mod peer;
mod proxy_header;

pub use client_ip::ClientIp;
pub use headers::{DraftVersion, HeaderPolicy, Headers};
pub use proxy_header::ProxyHeader;
