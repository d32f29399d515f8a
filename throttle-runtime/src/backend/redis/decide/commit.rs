//! Writes held states, in all hash slots or in none.

use tokio::time::timeout;

use crate::backend::redis::codec;
use crate::backend::redis::compare_and_set::Swap;
use crate::backend::redis::partition::Partition;
use crate::backend::redis::router::Servers;
use crate::strategy::State;
use crate::{BackendError, ErrorKind};

/// The held states of one hash slot, with the stored bytes.
pub(super) struct Place {
    pub(super) partition: Partition,
    pub(super) stored: Vec<Vec<u8>>,
}

impl Place {
    /// Returns the states without their holds.
    pub(super) fn before(&self) -> Vec<State> {
        self.stored.iter().map(|stored| codec::decode(stored)).collect()
    }
}

/// Writes the first hash slot. If it succeeds, all others are written, whatever happens; otherwise, the others
/// keep their states.
///
/// Therefore, an error of the first hash slot that certainly charged nothing is certain for all. Any error of
/// another hash slot is in doubt.
pub(super) async fn store_all(
    servers: &Servers,
    changes: Vec<(Vec<State>, Place)>,
    at: u64,
    is_forced: bool,
) -> Result<(), BackendError> {
    let (mut outcome, mut begun) = (Ok(()), None);
    for (after, place) in changes {
        let after = if begun == Some(false) { place.before() } else { after };
        let swap = Swap { partition: &place.partition, before: &place.stored, after: &after, at, is_forced };
        let written = match timeout(codec::HOLD / 2, swap.run(servers)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(lost().nothing_charged()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(lost()),
        };
        let written = if begun.is_some() { written.map_err(BackendError::in_doubt) } else { written };
        begun = begun.or(Some(written.is_ok()));
        outcome = outcome.and(written);
    }
    outcome
}

pub(super) fn lost() -> BackendError {
    BackendError::new(ErrorKind::Timeout, "Redis took as long as states may be held")
}
