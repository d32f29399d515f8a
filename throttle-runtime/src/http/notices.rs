//! Warnings about unexpected client addresses. Each is logged once in the life of a registry.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};

use http::HeaderName;
use http::request::Parts;

use super::client::Clients;
use super::peer::{Server, peer};
use super::proxy_header::ProxyHeader;
use crate::util::notice;

/// How many requests are searched for headers of undeclared proxies. Denied requests are always searched.
const SEARCHED: u16 = 1_000;

/// The flags of the warnings that were logged.
const NO_PEER: u8 = 1;
const UNNAMED: u8 = 2;
const PRIVATE_PROXY: u8 = 4;
const PUBLIC_PROXY: u8 = 8;

#[derive(Debug)]
pub(crate) struct Notices {
    written: AtomicU8,
    /// How many more requests are searched.
    left: AtomicU16,
}

impl Notices {
    pub(crate) const fn new() -> Self {
        Self { written: AtomicU8::new(0), left: AtomicU16::new(SEARCHED) }
    }

    /// Whether this request has to be searched.
    #[inline]
    pub(crate) fn is_searching(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }

    /// Searches one of the first requests.
    #[cold]
    pub(crate) fn search(&self, parts: &Parts, clients: &Clients) {
        // Another thread may count this request too: the number of searched requests is not exact.
        self.left.store(self.left.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
        self.of_undeclared_proxy(parts, clients);
    }

    /// Warns if an undeclared proxy names a client.
    pub(crate) fn of_undeclared_proxy(&self, parts: &Parts, clients: &Clients) {
        let both = PRIVATE_PROXY | PUBLIC_PROXY;
        if self.written.load(Ordering::Relaxed) & both == both {
            return;
        }
        if parts.headers.keys().any(is_sign) {
            self.of_signs(parts, clients);
        }
    }

    #[cold]
    fn of_signs(&self, parts: &Parts, clients: &Clients) {
        let Some(peer) = peer(&parts.extensions, &clients.peers).map(|peer| peer.to_canonical()) else {
            return;
        };
        let mut signs = ProxyHeader::SIGNS.into_iter();
        let Some(header) = signs.find(|sign| parts.headers.contains_key(sign.name())) else { return };
        if !clients.is_client(peer)
            || !self.is_first(if is_private(peer) { PRIVATE_PROXY } else { PUBLIC_PROXY })
        {
            return;
        }
        // The address of a client on the Internet must not be in the log.
        let proxy = if is_private(peer) { peer.to_string() } else { "ADDRESS OF THE PROXY".to_owned() };
        let headers = match header {
            ProxyHeader::XForwardedFor => String::new(),
            other => format!(".proxy_headers([{}])", other.code()),
        };
        let header = header.name();
        notice::warn(&format!(
            "a request names its client in the header `{header}`, but its peer is not declared as a proxy, so the header is \
             ignored and all clients of a proxy share one bucket: if it is your proxy, write \
             `registry().trusted_proxies([\"{proxy}\"]){headers}`, or `registry().trusted_hops(1){headers}` if its addresses \
             are not known"
        ));
    }

    /// Warns of a client whose address is unknown, with the cause and the fix.
    #[cold]
    pub(crate) fn of_unknown(&self, parts: &Parts, clients: &Clients) {
        if peer(&parts.extensions, &clients.peers).is_none() {
            self.of_missing_peer(parts);
        } else if self.is_first(UNNAMED) {
            let cause = match clients.first_present(&parts.headers) {
                Some(header) => {
                    format!(
                        "the header `{header}` of a trusted proxy is unreadable, or names trusted proxies only"
                    )
                }
                None => "a trusted proxy sent none of the headers that are enabled".to_owned(),
            };
            notice::warn(&format!(
                "the client address of a request is unknown, since {cause}: throttles with a `deny` list deny such requests \
                 and no `allow` list exempts them; declare as `trusted_proxies` the addresses of proxies only, not a network \
                 that has clients"
            ));
        }
    }

    /// Warns that the server passes on no client addresses.
    #[cold]
    pub(crate) fn of_missing_peer(&self, parts: &Parts) {
        if self.is_first(NO_PEER) {
            let advice = Server::of(&parts.extensions, &parts.headers).advice();
            notice::warn(&format!(
                "the address of the client is unknown, so all clients share one bucket, throttles with a `deny` list deny \
                 them, and no `allow` list exempts them: {advice}"
            ));
        }
    }

    fn is_first(&self, notice: u8) -> bool {
        self.written.fetch_or(notice, Ordering::Relaxed) & notice == 0
    }
}

/// Whether proxies send a header with this name. The check runs for denied requests, so it makes no hash
/// look-up.
fn is_sign(name: &HeaderName) -> bool {
    let name = name.as_str();
    ProxyHeader::SIGNS.iter().any(|sign| sign.name() == name)
}

/// Whether the address is in a private network.
const fn is_private(peer: IpAddr) -> bool {
    match peer {
        IpAddr::V4(v4) => {
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || matches!(v4.octets(), [100, 64..=127, ..])
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}
