//! How connections come to be, and the one that is in use.

pub(super) mod address;
pub(super) mod around;
mod connection;
pub(super) mod connector;
mod place;
mod sentinels;
mod server;
mod slot;
#[cfg(feature = "redis-tls")]
mod tls;
mod visit;

pub(super) use self::connection::Connection;
pub(super) use self::place::Place;
pub(super) use self::server::Server;
pub(super) use self::slot::{Slot, closed};
