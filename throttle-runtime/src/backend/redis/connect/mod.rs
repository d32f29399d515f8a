//! Opens connections, and holds the connection in use.

pub(super) mod address;
pub(super) mod around;
mod connection;
pub(super) mod connector;
mod handshake;
pub(super) mod open;
mod options;
mod place;
mod probe;
pub(super) mod progress;
mod recorded;
mod sentinels;
mod server;
mod slot;
mod stranger;
#[cfg(feature = "redis-tls")]
mod tls;
mod visit;

pub(super) use self::connection::Connection;
pub(super) use self::options::Options;
pub(super) use self::place::Place;
pub(super) use self::server::Server;
pub(super) use self::slot::{Slot, closed};
