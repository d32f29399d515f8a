//! Decides a request against the throttles of a function. Alone because handlers and functions share it.

use crate::config::resolver::RequestContext;
use crate::key::Key;
use crate::pipeline::admission::Admission;
use crate::pipeline::admission_builder::AdmissionBuilder;
use crate::pipeline::prepare::Given;
use crate::pipeline::rejection::Rejection;
use crate::registry::Registry;
use crate::registry::site::Site;

/// Decides a request against all sites of a function, in reading order. `keys` contains a key for each site
/// whose key is made of the function's arguments.
pub(crate) async fn admit<'s>(
    sites: &'s [Site],
    keys: impl IntoIterator<Item = Option<Key>>,
    mut builder: AdmissionBuilder<'s, '_>,
    context: &mut RequestContext<'_>,
    registry: &Registry,
) -> Result<Admission<'s>, Rejection> {
    for (site, key) in sites.iter().zip(keys) {
        let throttle = site.throttle(registry).map_err(Rejection::Misconfigured)?;
        builder.draw(throttle, Given { key, cost: site.cost() }, context).await?;
    }
    builder.decide(context).await
}
