//! The slot map: the master of each hash slot of a cluster, as far as known.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::topology::Range;
use crate::backend::redis::connection::{Address, ConnectionHandle};
use crate::error::BackendError;

pub(super) type Nodes = BTreeMap<Address, Arc<ConnectionHandle>>;

#[derive(Clone, Default)]
pub(super) struct SlotMap {
    /// The first and the last slot of each range, and its master, in ascending order.
    ranges: Vec<(u16, u16, Arc<ConnectionHandle>)>,
    /// The masters, which have hash slots.
    pub(super) masters: Nodes,
    /// Nodes that other nodes named in redirects, and that have no hash slots yet.
    pub(super) unlisted: Nodes,
    /// Why the slot map is empty.
    pub(super) error: Option<BackendError>,
    pub(super) closed: bool,
}

impl SlotMap {
    pub(super) fn closed() -> Self {
        Self { closed: true, ..Self::default() }
    }

    pub(super) fn master(&self, hash_slot: u16) -> Option<&Arc<ConnectionHandle>> {
        let after = self.ranges.partition_point(|(first, ..)| *first <= hash_slot);
        let (_, last, node) = self.ranges.get(after.checked_sub(1)?)?;
        (hash_slot <= *last).then_some(node)
    }

    pub(super) fn find(&self, address: &Address) -> Option<&Arc<ConnectionHandle>> {
        self.masters.get(address).or_else(|| self.unlisted.get(address))
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Arc<ConnectionHandle>> {
        self.masters.values().chain(self.unlisted.values())
    }

    /// Returns the next slot map, and the nodes that it no longer needs.
    pub(super) fn replaced_by(
        &self,
        ranges: Vec<Range>,
        masters: Nodes,
    ) -> (Self, Vec<Arc<ConnectionHandle>>) {
        let with_node =
            |range: Range| Some((range.first, range.last, Arc::clone(masters.get(&range.master)?)));
        let mut ranges: Vec<_> = ranges.into_iter().filter_map(with_node).collect();
        ranges.sort_by_key(|(first, ..)| *first);
        let unlisted = self.unlisted.iter().filter(|(address, _)| !masters.contains_key(address));
        let unlisted = unlisted.map(|(address, node)| (address.clone(), Arc::clone(node))).collect();
        let next = Self { ranges, masters, unlisted, ..Self::default() };
        let is_used = |node: &Arc<ConnectionHandle>| next.nodes().any(|used| Arc::ptr_eq(used, node));
        let unused = self.nodes().filter(|node| !is_used(node)).cloned().collect();
        (next, unused)
    }
}
