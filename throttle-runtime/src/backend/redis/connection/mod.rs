//! Opens connections, and holds the connection in use.

mod address;
mod connect_error;
pub(super) mod connector;
mod handle;
mod handshake;
pub(super) mod hedged;
mod in_flight;
mod locator;
mod node_events;
pub(super) mod open;
mod options;
mod probe;
pub(super) mod progress;
mod recording_stream;
mod redirect;
mod send;
mod sentinels;
mod shared;
#[cfg(feature = "_tls")]
mod tls;
pub(super) mod url;

pub(super) use address::Address;
pub(super) use handle::{ConnectionHandle, closed};
pub(super) use locator::Locator;
pub(super) use node_events::{NodeEvents, Redirected};
pub(super) use options::Options;
pub(super) use redirect::Redirect;
pub(super) use sentinels::Sentinels;
pub(super) use shared::Connection;
#[cfg(feature = "_tls")]
pub(super) use tls::Tls;
