//! Decides a request against the throttles of a function. Alone because handlers and functions share it.

use crate::config::resolver::Head;
use crate::pipeline::admission::Admission;
use crate::pipeline::admission::Drawn;
use crate::pipeline::rejection::Rejection;
use crate::pipeline::ticket::Given;
use crate::registry::Registry;
use crate::{Key, Site};

/// Decides a request against all sites of a function, in reading order. `keys` contains a key for each site
/// whose key is made of the function's arguments.
pub(crate) async fn admit<'s>(
    sites: &'s [Site],
    keys: impl IntoIterator<Item = Option<Key>>,
    mut drawn: Drawn<'s, '_>,
    head: &mut Head<'_>,
    registry: &Registry,
) -> Result<Admission<'s>, Rejection> {
    for (site, key) in sites.iter().zip(keys) {
        let throttle = site.throttle(registry).map_err(Rejection::Misconfigured)?;
        drawn.draw(throttle, Given { key, cost: site.cost() }, head).await?;
    }
    drawn.decide(head).await
}
