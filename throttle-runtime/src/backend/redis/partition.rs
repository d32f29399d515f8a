//! The part of a decision request in one hash slot of a cluster. A script may use only one hash slot.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::hash_slot;

/// The keys of a decision request that are in one hash slot.
#[derive(Clone)]
pub(super) struct Partition {
    /// The hash slot; 0 without a cluster.
    pub(super) hash_slot: u16,
    pub(super) keys: Vec<Arc<str>>,
    /// The indexes of the keys in the request.
    pub(super) indexes: Vec<usize>,
}

impl Partition {
    /// Creates a partition with all keys, which are in one hash slot.
    pub(super) fn single(hash_slot: u16, keys: &[Arc<str>]) -> Self {
        Self { hash_slot, keys: keys.to_vec(), indexes: (0..keys.len()).collect() }
    }

    /// Splits the keys of a request by hash slot, in ascending order.
    pub(super) fn split(keys: &[Arc<str>]) -> Vec<Self> {
        let mut partitions = BTreeMap::new();
        for (index, key) in keys.iter().enumerate() {
            let hash_slot = hash_slot::of(key);
            let partition = partitions.entry(hash_slot).or_insert_with(|| Self {
                hash_slot,
                keys: Vec::new(),
                indexes: Vec::new(),
            });
            partition.keys.push(Arc::clone(key));
            partition.indexes.push(index);
        }
        partitions.into_values().collect()
    }
}

/// Returns the common hash slot of all keys, if there is one.
pub(super) fn common_hash_slot(keys: &[Arc<str>]) -> Option<u16> {
    let (first, others) = keys.split_first()?;
    let hash_slot = hash_slot::of(first);
    // In most cases, one identity has several limits. Comparing the tags is faster than computing the hash.
    let tag = first.rfind('}').and_then(|end| first.get(..=end)).unwrap_or(first);
    let is_there = |key: &Arc<str>| key.starts_with(tag) || hash_slot::of(key) == hash_slot;
    others.iter().all(is_there).then_some(hash_slot)
}
