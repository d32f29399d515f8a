//! Opens connections, and holds the connection in use.

pub(super) mod connector;
pub(crate) mod handle;
mod handshake;
pub(super) mod hedged;
mod in_flight;
pub(crate) mod locator;
pub(super) mod open;
pub(crate) mod options;
mod probe;
pub(super) mod progress;
mod recorded;
pub(crate) mod sentinels;
mod shared;
mod stranger;
#[cfg(feature = "redis-tls")]
pub(crate) mod tls;
pub(super) mod url;

pub(super) use super::target::Place;
pub(super) use handle::{Slot, closed};
pub(super) use locator::Server;
pub(super) use options::Options;
pub(super) use shared::Connection;
