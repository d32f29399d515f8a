//! Maps by fingerprint.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What is kept of identities by their fingerprints.
pub(crate) type Map<V> = HashMap<u128, V, BuildHasherDefault<AsItIs>>;

/// A hash that is one already: nobody outside can choose fingerprints, so they need not be hashed again.
#[derive(Debug, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    /// Half of it is enough to find a place.
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
