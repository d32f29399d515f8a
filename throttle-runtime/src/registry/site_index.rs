//! Finds the sites that a handler's hidden parameter decides for. Alone because only handlers look up sites by id.

use std::sync::LazyLock;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry::{Occupied, Vacant};

use super::linked_sites::LinkedSites;
use super::site::Site;

/// Returns the sites with this id. `None` if there are no such sites, or if two different functions have the
/// same id.
pub(crate) fn linked(id: u64) -> Option<&'static [Site]> {
    static BY_ID: LazyLock<HashTable<Entry>> = LazyLock::new(|| {
        let mut by_id = HashTable::new();
        for &LinkedSites(sites) in inventory::iter::<LinkedSites>() {
            let id = sites.first().map_or(0, Site::function);
            match by_id.entry(id, |known: &Entry| known.id == id, |known| known.id) {
                Vacant(place) => drop(place.insert(Entry { id, sites: Some(sites) })),
                Occupied(known) if known.get().sites.is_some_and(|known| is_copy(known, sites)) => {}
                Occupied(mut known) => known.get_mut().sites = None,
            }
        }
        by_id
    });
    // The id is a hash already.
    BY_ID.find(id, |known| known.id == id)?.sites
}

struct Entry {
    id: u64,
    sites: Option<&'static [Site]>,
}

fn is_copy(a: &[Site], b: &[Site]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_copy_of(b))
}
