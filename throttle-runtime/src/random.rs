//! Numbers that differ from call to call and from process to process.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A random number: for jitter, not for secrets.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
