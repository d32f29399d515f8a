//! The check of a client against the lists of one throttle.

use super::List;
use crate::config::resolver::RequestContext;
use crate::config::settings::Settings;
use crate::http::client::{Client, plain};

/// The lists of a throttle.
#[derive(Debug)]
pub(crate) struct Lists {
    allow: Option<List>,
    deny: Option<List>,
    /// The access of clients whose address is unknown.
    of_unknown: Access,
}

/// The access of a client according to the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// The client is in neither list.
    Limited,
    Free,
    Denied,
}

impl Lists {
    /// Opens the lists that the settings name. Returns `None` if they name no list.
    pub(crate) fn open(uid: &str, settings: &Settings, now: u64) -> Result<Option<Self>, String> {
        let open = |networks: super::Networks, name: &str| {
            networks.open(now).map_err(|error| format!("`{name}` of `{uid}`: {error}"))
        };
        let allow = settings.allow.map(|networks| open(networks, "allow")).transpose()?;
        let deny = settings.deny.map(|networks| open(networks, "deny")).transpose()?;
        if settings.allow.is_some_and(|networks| networks.admits_unknown) {
            return Err(format!(
                "`allow` of `{uid}`: `admit_unknown` is for `deny`, unknown clients are in no `allow` list"
            ));
        }
        let denies_unknown = settings.deny.is_some_and(|networks| !networks.admits_unknown);
        let of_unknown = if denies_unknown { Access::Denied } else { Access::Limited };
        Ok((allow.is_some() || deny.is_some()).then_some(Self { allow, deny, of_unknown }))
    }

    /// Returns the access of a client. A client that is in both lists is denied. A client whose address is
    /// unknown is in no `allow` list, and is denied if there is a `deny` list that does not admit unknown
    /// clients.
    pub(crate) fn access(&self, context: &RequestContext<'_>) -> Access {
        let sent = match context.lookup.client(context.parts) {
            Client::Known(address) => address,
            Client::Unknown(_) => {
                context.lookup.notices.of_unknown(context.parts, &context.lookup.clients);
                return self.of_unknown;
            }
        };
        // A list may contain the networks of NAT64, Teredo and 6to4 themselves, or the IPv4 addresses inside.
        let inside = Some(plain(sent)).filter(|inside| *inside != sent);
        let has = |list: &Option<List>| {
            let contains = |address| {
                list.as_ref().is_some_and(|list| list.contains(address, || context.lookup.clock.now()))
            };
            contains(sent) || inside.is_some_and(contains)
        };
        if has(&self.deny) {
            Access::Denied
        } else if has(&self.allow) {
            Access::Free
        } else {
            Access::Limited
        }
    }
}
