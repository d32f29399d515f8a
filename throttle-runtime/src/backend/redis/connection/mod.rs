//! Opens connections, and holds the connection in use.

mod address;
pub(super) mod connector;
pub(crate) mod handle;
mod handshake;
pub(super) mod hedged;
mod in_flight;
pub(crate) mod locator;
mod node_events;
pub(super) mod open;
pub(crate) mod options;
mod probe;
pub(super) mod progress;
mod recorded;
mod redirect;
mod send;
pub(crate) mod sentinels;
mod shared;
mod stranger;
#[cfg(feature = "redis-tls")]
pub(crate) mod tls;
pub(super) mod url;

pub(super) use address::Address;
pub(super) use handle::{ConnectionHandle, closed};
pub(super) use locator::Locator;
pub(super) use node_events::{NodeEvents, Redirected};
pub(super) use options::Options;
pub(super) use redirect::Redirect;
pub(super) use shared::Connection;
