//! The slot map: the master of each hash slot of a cluster, as far as known.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::topology::Range;
use crate::BackendError;
use crate::backend::redis::connection::{Address, ConnectionHandle};

pub(super) type Nodes = BTreeMap<Address, Arc<ConnectionHandle>>;

#[derive(Clone, Default)]
pub(super) struct Map {
    /// The first and the last slot of each range, and its master, in ascending order.
    ranges: Vec<(u16, u16, Arc<ConnectionHandle>)>,
    /// The masters, which have hash slots.
    pub(super) masters: Nodes,
    /// Nodes that other nodes named in redirects, and that have no hash slots yet.
    pub(super) guests: Nodes,
    /// Why the slot map is empty.
    pub(super) why: Option<BackendError>,
    pub(super) closed: bool,
}

impl Map {
    pub(super) fn closed() -> Self {
        Self { closed: true, ..Self::default() }
    }

    pub(super) fn master(&self, hash_slot: u16) -> Option<&Arc<ConnectionHandle>> {
        let after = self.ranges.partition_point(|(first, ..)| *first <= hash_slot);
        let (_, last, node) = self.ranges.get(after.checked_sub(1)?)?;
        (hash_slot <= *last).then_some(node)
    }

    pub(super) fn find(&self, address: &Address) -> Option<&Arc<ConnectionHandle>> {
        self.masters.get(address).or_else(|| self.guests.get(address))
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Arc<ConnectionHandle>> {
        self.masters.values().chain(self.guests.values())
    }

    /// Returns the next slot map, and the nodes that it no longer needs.
    pub(super) fn followed_by(
        &self,
        ranges: Vec<Range>,
        masters: Nodes,
    ) -> (Self, Vec<Arc<ConnectionHandle>>) {
        let with_node =
            |range: Range| Some((range.first, range.last, Arc::clone(masters.get(&range.master)?)));
        let mut ranges: Vec<_> = ranges.into_iter().filter_map(with_node).collect();
        ranges.sort_by_key(|(first, ..)| *first);
        let guests = self.guests.iter().filter(|(address, _)| !masters.contains_key(address));
        let guests = guests.map(|(address, node)| (address.clone(), Arc::clone(node))).collect();
        let next = Self { ranges, masters, guests, ..Self::default() };
        let is_kept = |node: &Arc<ConnectionHandle>| next.nodes().any(|kept| Arc::ptr_eq(kept, node));
        let gone = self.nodes().filter(|node| !is_kept(node)).cloned().collect();
        (next, gone)
    }
}
