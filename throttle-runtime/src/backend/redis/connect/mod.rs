//! How connections come to be, and the one that is in use.

pub(super) mod address;
pub(super) mod around;
pub(super) mod connector;
mod place;
mod sentinels;
mod server;
mod slot;
#[cfg(feature = "redis-tls")]
mod tls;

pub(super) use self::place::Place;
pub(super) use self::server::Server;
pub(super) use self::slot::{Connection, Slot, closed};
