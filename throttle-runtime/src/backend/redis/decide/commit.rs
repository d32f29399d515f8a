//! Writes held states, in all hash slots or in none.

use tokio::time::timeout;

use crate::backend::redis::codec;
use crate::backend::redis::compare_and_set::Swap;
use crate::backend::redis::partition::Partition;
use crate::backend::redis::router::Router;
use crate::error::{BackendError, ErrorKind};
use crate::strategy::State;

/// The held states of one hash slot, with the stored bytes.
pub(super) struct HeldPartition {
    pub(super) partition: Partition,
    pub(super) stored: Vec<Vec<u8>>,
}

impl HeldPartition {
    /// Returns the states without their holds.
    pub(super) fn unchanged(&self) -> Vec<State> {
        self.stored.iter().map(|stored| codec::decode(stored)).collect()
    }
}

/// Writes the first hash slot. If it succeeds, all others are written, whatever happens; otherwise, the others
/// keep their states.
///
/// Therefore, an error of the first hash slot that certainly charged nothing is certain for all. Any error of
/// another hash slot is in doubt.
pub(super) async fn write_all(
    router: &Router,
    changes: Vec<(Vec<State>, HeldPartition)>,
    at: u64,
    is_forced: bool,
) -> Result<(), BackendError> {
    // Whether the first hash slot was written; `None` before the attempt.
    let (mut result, mut is_first_written) = (Ok(()), None);
    for (after, held) in changes {
        let after = if is_first_written == Some(false) { held.unchanged() } else { after };
        let swap = Swap { partition: &held.partition, before: &held.stored, after: &after, at, is_forced };
        let written = match timeout(codec::HOLD_DURATION / 2, swap.run(router)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(expired().safe_to_retry()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(expired()),
        };
        let written =
            if is_first_written.is_some() { written.map_err(BackendError::in_doubt) } else { written };
        is_first_written = is_first_written.or(Some(written.is_ok()));
        result = result.and(written);
    }
    result
}

pub(super) fn expired() -> BackendError {
    BackendError::new(ErrorKind::Timeout, "Redis did not respond while the states were locked")
}
