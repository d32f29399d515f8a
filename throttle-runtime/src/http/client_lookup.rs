//! Finds out which client sent a request. Alone because it joins the clients with the notices about them.

#[cfg(any(feature = "axum", feature = "tower"))]
use std::net::Ipv4Addr;
use std::sync::Arc;

use http::request::Parts;

use super::client::{Client, Clients};
use super::notices::Notices;
#[cfg(any(feature = "axum", feature = "tower"))]
use super::peer::connected_ipv4;
use super::peer::peer;
use crate::clock::Clock;

/// The parts of a registry that resolve the client of a request.
pub(crate) struct ClientLookup {
    pub(crate) clients: Clients,
    pub(crate) notices: Notices,
    pub(crate) clock: Arc<dyn Clock>,
}

impl ClientLookup {
    pub(crate) fn new(clients: Clients, clock: Arc<dyn Clock>) -> Self {
        Self { clients, notices: Notices::new(), clock }
    }

    /// Returns the client if that takes one look: the peer, if it has an IPv4 address and no proxy is trusted.
    #[cfg(any(feature = "axum", feature = "tower"))]
    #[inline]
    pub(crate) fn ipv4_peer(&self, parts: &Parts) -> Option<Ipv4Addr> {
        if self.notices.is_searching() || !self.clients.trusts_nobody() {
            return None;
        }
        connected_ipv4(&parts.extensions)
    }

    /// Returns the client: the peer, unless the peer is a trusted proxy that names another address.
    pub(crate) fn client(&self, parts: &Parts) -> Client {
        if self.notices.is_searching() {
            self.notices.search(parts, &self.clients);
        }
        self.clients.client(peer(&parts.extensions, &self.clients.peers), &parts.headers)
    }
}
