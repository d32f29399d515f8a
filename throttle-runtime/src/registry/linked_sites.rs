//! The sites of the program, collected at link time.

use std::panic::Location;

use super::site::Site;
use crate::error::ConfigError;

/// The attributes of one function, collected at link time.
#[derive(Debug)]
pub struct LinkedSites(
    /// One site per attribute.
    pub &'static [Site],
);

inventory::collect!(LinkedSites);

/// Returns every `#[throttle]`, `#[throttle_fn]` and `#[throttle_message]` that is linked into this program, in
/// the order of file and line.
///
/// On platforms without link-time collection, the list is empty, but the limits still apply.
///
/// ```
/// for site in throttle::sites() {
///     println!("{} at {}", site.name(), site.location());
/// }
/// ```
pub fn sites() -> Vec<&'static Site> {
    let mut sites: Vec<_> = inventory::iter::<LinkedSites>().flat_map(|linked| linked.0).collect();
    sites.sort_by_key(|site| {
        (
            site.location().file(),
            site.location().line(),
            site.location().column(),
            site.uid(),
            site.function(),
        )
    });
    sites.dedup_by(|a, b| a.is_copy_of(b));
    sites
}

/// Returns the constant costs of uses of a static's throttle, and their locations.
pub(crate) fn costs()
-> impl Iterator<Item = (&'static Site, Result<u64, ConfigError>, &'static Location<'static>)> {
    let sites = inventory::iter::<LinkedSites>().flat_map(|linked| linked.0);
    sites.filter_map(|site| site.cost.and_then(|(cost, at)| Some((site, cost.value()?, at))))
}
