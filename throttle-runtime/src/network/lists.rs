//! What the lists of one throttle say about a client.

use super::List;
use crate::Settings;
use crate::http::source;
use crate::plug::Head;

/// The lists of a throttle.
#[derive(Debug)]
pub(crate) struct Lists {
    allow: Option<List>,
    deny: Option<List>,
}

/// What a client may do by these lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It is in neither of them, or its address is not known.
    Limited,
    Free,
    Denied,
}

impl Lists {
    /// Those that settings name, if they name one.
    pub(crate) fn open(uid: &str, settings: &Settings, now: u64) -> Result<Option<Self>, String> {
        let open = |networks: super::Networks, name: &str| {
            networks.open(now).map_err(|error| format!("`{name}` of `{uid}`: {error}"))
        };
        let allow = settings.allow.map(|networks| open(networks, "allow")).transpose()?;
        let deny = settings.deny.map(|networks| open(networks, "deny")).transpose()?;
        Ok((allow.is_some() || deny.is_some()).then_some(Self { allow, deny }))
    }

    /// Whoever is in both is denied.
    pub(crate) fn access(&self, head: &Head<'_>) -> Access {
        let Some(client) = source::client(head) else { return Access::Limited };
        let has = |list: &Option<List>| {
            list.as_ref().is_some_and(|list| list.contains(client, || head.common.clock.now()))
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
