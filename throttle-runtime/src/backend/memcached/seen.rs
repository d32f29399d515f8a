//! The numbers of values that were read and are about to be replaced, so that a swap need not read again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What was read last of each key, as long as nobody has swapped it.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<String, Read>>);

#[derive(Debug, Clone)]
pub(super) struct Read {
    /// Which version of an entry it is; `None` if there was none.
    pub(super) cas: Option<u64>,
    pub(super) generation: u64,
    pub(super) value: Option<String>,
}

/// More than are between reading and writing at any time; what is left over belongs to decisions that wrote nothing.
const MOST: usize = 4_096;

impl Seen {
    pub(super) fn put(&self, key: &str, read: Read) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(key.to_owned(), read);
    }

    /// What was read, if it is what the caller saw.
    pub(super) fn take(&self, key: &str, value: Option<&str>) -> Option<Read> {
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key)?;
        (read.value.as_deref() == value).then_some(read)
    }
}
