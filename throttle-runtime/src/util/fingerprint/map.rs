//! Maps whose keys are fingerprints.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from the fingerprints of identities to values.
pub(crate) type Map<V> = HashMap<u128, V, BuildHasherDefault<AsItIs>>;

/// A hasher for keys that are already hashes. Clients cannot choose fingerprints, so fingerprints need no
/// further hashing.
#[derive(Debug, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    /// Half of the fingerprint is enough to find an entry.
    fn write_u128(&mut self, fingerprint: u128) {
        self.0 = (fingerprint >> 64) as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
