//! Resets: deletes the states of one namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use redis::{Cmd, Value};

use super::backoff::step_aside;
use super::compare_and_set::{MAX_ATTEMPTS, StoredStates, contended};
use super::connection::ConnectionHandle;
use super::engine::Engine;
use super::errors::unexpected_reply;
use super::keys;
use crate::backend::Mark;
use crate::error::BackendError;

/// The number of keys that the server scans in one step, during which it serves no other client.
const KEYS_PER_SCAN: usize = 1_000;

impl Engine {
    /// Deletes all states of the namespace that existed at the beginning of the call.
    pub(super) async fn reset(&self) -> Result<(), BackendError> {
        self.mark_reset().await?;
        let deleted = self.delete_all().await;
        // Charges that were made meanwhile may have been deleted.
        let marked = self.mark_reset().await;
        deleted.and(marked)?;
        self.clear_deny_cache();
        Ok(())
    }

    /// Writes the mark of a reset of all identities, so that charges from before the reset are not refunded.
    async fn mark_reset(&self) -> Result<(), BackendError> {
        let partition = self.partition_of(&keys::global_reset_mark(&self.namespace));
        for attempt in 0..MAX_ATTEMPTS {
            let StoredStates { at, stored, .. } = self.read(&partition).await?;
            let mark = Mark::of_all(at);
            let is_written = self.write(&partition, &stored, &[mark.state()], at).await;
            self.resets.record_all(Some(mark));
            if is_written? {
                return Ok(());
            }
            step_aside(attempt).await;
        }
        Err(contended())
    }

    async fn delete_all(&self) -> Result<(), BackendError> {
        for handle in self.router.handles()? {
            self.delete_on(&handle).await?;
        }
        Ok(())
    }

    async fn delete_on(&self, handle: &Arc<ConnectionHandle>) -> Result<(), BackendError> {
        let pattern = keys::scan_pattern(&self.namespace);
        let mut cursor = b"0".to_vec();
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(KEYS_PER_SCAN);
            let (next, found) = match handle.send(scan).await? {
                Value::Array(mut reply) => match (reply.pop(), reply.pop()) {
                    (Some(Value::Array(found)), Some(Value::BulkString(next))) => (next, found),
                    _ => return Err(unexpected_reply()),
                },
                _ => return Err(unexpected_reply()),
            };
            // One command may use only one hash slot. A single server has only the hash slot 0.
            let mut unlinks: BTreeMap<u16, Cmd> = BTreeMap::new();
            for key in found {
                let Value::BulkString(key) = key else { return Err(unexpected_reply()) };
                let key = String::from_utf8(key).map_err(|_| unexpected_reply())?;
                let hash_slot = self.router.common_hash_slot(&[key.as_str().into()]).unwrap_or_default();
                unlinks.entry(hash_slot).or_insert_with(|| redis::cmd("UNLINK")).arg(key);
            }
            for unlink in unlinks.into_values() {
                handle.send(unlink).await?;
            }
            if next == b"0" {
                return Ok(());
            }
            cursor = next;
        }
    }
}
