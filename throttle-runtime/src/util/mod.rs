//! Helpers that know nothing of rate limiting.

pub(crate) mod audit;
pub(crate) mod deadline;
pub(crate) mod duration;
#[cfg(test)]
pub(crate) mod events;
pub(crate) mod fingerprint;
pub(crate) mod log_limit;
pub(crate) mod notice;
pub(crate) mod now_or_later;
pub(crate) mod random;
pub(crate) mod shared;
pub(crate) mod sync;
pub(crate) mod task_tracker;
