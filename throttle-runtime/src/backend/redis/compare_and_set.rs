//! Reads stored states, and writes new ones if the stored ones are unchanged.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use redis::Value;

use super::codec;
use super::codec::stored_bytes;
use super::engine::Engine;
use super::errors::unexpected_reply;
use super::partition::Partition;
use super::router::Router;
use super::scripts::{READ, WRITE};
use crate::error::{BackendError, ErrorKind};
use crate::strategy::State;
use crate::util::now_or_later::uncharged;

impl Engine {
    /// Reads the time and the stored states of one hash slot.
    pub(super) async fn read(&self, partition: &Partition) -> Result<StoredStates, BackendError> {
        uncharged(pin!(self.try_read(partition))).await.map_err(BackendError::safe_to_retry)
    }

    /// Returns a partition with one key.
    pub(super) fn partition_of(&self, key: &Arc<str>) -> Partition {
        let keys = std::slice::from_ref(key);
        Partition::single(self.router.common_hash_slot(keys).unwrap_or_default(), keys)
    }

    async fn try_read(&self, partition: &Partition) -> Result<StoredStates, BackendError> {
        let reply = self.router.run(&READ, partition, |_| ()).await?;
        let Value::Array(reply) = reply else { return Err(unexpected_reply()) };
        match reply.as_slice() {
            [Value::Int(now), stored @ ..] if stored.len() == partition.keys.len() => {
                let now = u64::try_from(*now).map_err(|_| unexpected_reply())?;
                let stored = stored.iter().map(|value| stored_bytes(value).map(<[u8]>::to_vec));
                let stored: Vec<_> = stored.collect::<Option<_>>().ok_or_else(unexpected_reply)?;
                let is_held = stored.iter().any(|bytes| codec::is_held(bytes, now));
                Ok(StoredStates { at: self.time().unwrap_or(now), stored, is_held })
            }
            _ => Err(unexpected_reply()),
        }
    }

    pub(super) async fn write(
        &self,
        partition: &Partition,
        before: &[Vec<u8>],
        after: &[State],
        at: u64,
    ) -> Result<bool, BackendError> {
        Swap { partition, before, after, at, is_forced: self.clock.is_some() }.run(&self.router).await
    }
}

/// The stored states of one hash slot.
pub(super) struct StoredStates {
    pub(super) at: u64,
    pub(super) stored: Vec<Vec<u8>>,
    /// Whether another decision holds any of the states.
    pub(super) is_held: bool,
}

/// New states in one hash slot. They are written if the stored states are unchanged.
pub(super) struct Swap<'a> {
    pub(super) partition: &'a Partition,
    pub(super) before: &'a [Vec<u8>],
    pub(super) after: &'a [State],
    pub(super) at: u64,
    /// Whether the time comes from a clock other than the server's.
    pub(super) is_forced: bool,
}

impl Swap<'_> {
    /// Writes the states. Returns `false` if a stored state has changed meanwhile; then nothing is written.
    pub(super) async fn run(&self, router: &Router) -> Result<bool, BackendError> {
        let reply = router.run(&WRITE, self.partition, |command| {
            for (before, after) in self.before.iter().zip(self.after) {
                let bytes = if after.until() > self.at { codec::encode(after) } else { Vec::new() };
                command.arg(before).arg(bytes);
                if self.is_forced {
                    command.arg("PX").arg(ONE_DAY.as_millis().to_string());
                } else {
                    // The script that decides assumes that states are kept at least this long.
                    let end = after.until().div_ceil(1_000_000).saturating_add(codec::MAX_GRANULARITY);
                    command.arg("EXAT").arg(end);
                }
            }
        });
        match reply.await? {
            Value::Int(written) => Ok(written == 1),
            _ => Err(unexpected_reply()),
        }
    }
}

/// The maximum number of attempts of a compare-and-set. Timeouts end earlier; this bound only guarantees that
/// the loop ends.
pub(super) const MAX_ATTEMPTS: u32 = 256;

/// With a clock other than the server's, states do not expire at the right time, so they are kept for a day.
const ONE_DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn contended() -> BackendError {
    let text = format!("other clients changed the same states {MAX_ATTEMPTS} times in a row");
    BackendError::new(ErrorKind::Store, text).safe_to_retry()
}
