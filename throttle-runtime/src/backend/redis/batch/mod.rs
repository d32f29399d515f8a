//! Batches: several decision requests in one call of the script.

pub(super) mod call;
pub(super) mod queue;
pub(super) mod reply;
