//! The part of a decision request in one hash slot of a cluster. A script may use only one hash slot.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::hash_slot;

/// The names of a decision request that are in one hash slot.
#[derive(Clone)]
pub(crate) struct Part {
    /// The hash slot; 0 without a cluster.
    pub(crate) lane: u16,
    pub(crate) names: Vec<Arc<str>>,
    /// The indexes of the names in the request.
    pub(crate) indexes: Vec<usize>,
}

impl Part {
    /// Creates a part with all names, which are in one hash slot.
    pub(crate) fn whole(lane: u16, names: &[Arc<str>]) -> Self {
        Self { lane, names: names.to_vec(), indexes: (0..names.len()).collect() }
    }

    /// Splits the names of a request by hash slot, in ascending order.
    pub(crate) fn of(names: &[Arc<str>]) -> Vec<Self> {
        let mut parts = BTreeMap::new();
        for (index, name) in names.iter().enumerate() {
            let lane = hash_slot::of(name);
            let part =
                parts.entry(lane).or_insert_with(|| Self { lane, names: Vec::new(), indexes: Vec::new() });
            part.names.push(Arc::clone(name));
            part.indexes.push(index);
        }
        parts.into_values().collect()
    }
}

/// Returns the common hash slot of all names, if there is one.
pub(crate) fn lane(names: &[Arc<str>]) -> Option<u16> {
    let (first, others) = names.split_first()?;
    let lane = hash_slot::of(first);
    // In most cases, one identity has several limits. Comparing the tags is faster than computing the hash.
    let tag = first.rfind('}').and_then(|end| first.get(..=end)).unwrap_or(first);
    let is_there = |name: &Arc<str>| name.starts_with(tag) || hash_slot::of(name) == lane;
    others.iter().all(is_there).then_some(lane)
}
