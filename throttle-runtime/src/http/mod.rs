//! HTTP without a framework: client addresses, networks, and the headers of responses.
//!
//! The client of a request is found in these steps:
//!
//! 1. `peer` reads the address at the other end of the connection, where servers store it.
//! 2. `client` decides whether the peer is the client or a proxy. The headers of declared proxies are read by
//!    `forwarded`.
//! 3. The client is known, or it is unknown with a known peer. Keys use the peer of an unknown client. Lists of
//!    networks do not.
//!
//! Keys, lists and [`ClientIp`] use this one result. `notices` logs each warning about unexpected addresses
//! once.

pub(crate) mod address;
pub(crate) mod client;
mod client_ip;
pub(crate) mod client_lookup;
pub(crate) mod credential;
mod forwarded;
pub(crate) mod header_fields;
pub(crate) mod headers;
mod label;
mod members;
pub(crate) mod notices;
pub(crate) mod peer;
mod proxy_header;

pub use client_ip::ClientIp;
pub use headers::{DraftVersion, HeaderPolicy, Headers};
pub use proxy_header::ProxyHeader;
