//! What a question asks of one hash slot of a cluster: no script may touch two of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::hash_slot;

/// Those of a question's names that are in one place.
#[derive(Clone)]
pub(in crate::backend::redis) struct Part {
    /// The hash slot; without a cluster 0.
    pub(in crate::backend::redis) lane: u16,
    pub(in crate::backend::redis) names: Vec<Arc<str>>,
    /// Which of the question's they are.
    pub(in crate::backend::redis) indexes: Vec<usize>,
}

impl Part {
    /// All names, which are in one place.
    pub(in crate::backend::redis) fn whole(lane: u16, names: &[Arc<str>]) -> Self {
        Self { lane, names: names.to_vec(), indexes: (0..names.len()).collect() }
    }

    /// The parts of a question, in the order of their slots.
    pub(in crate::backend::redis) fn of(names: &[Arc<str>]) -> Vec<Self> {
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

/// The hash slot of all names, if it is one.
pub(in crate::backend::redis) fn lane(names: &[Arc<str>]) -> Option<u16> {
    let (first, others) = names.split_first()?;
    let lane = hash_slot::of(first);
    // Mostly one identity has several limits, which is seen faster than computed.
    let tag = first.rfind('}').and_then(|end| first.get(..=end)).unwrap_or(first);
    let is_there = |name: &Arc<str>| name.starts_with(tag) || hash_slot::of(name) == lane;
    others.iter().all(is_there).then_some(lane)
}
