//! Versions of read values, which save a read before a swap. Alone because no request or reply is involved.

use crate::util::sync;
use std::collections::HashMap;
use std::sync::Mutex;

/// The last read of each key, until the value is swapped.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<String, Read>>);

#[derive(Debug, Clone)]
pub(super) struct Read {
    /// The CAS number of the entry; `None` if there was no entry.
    pub(super) cas: Option<u64>,
    pub(super) generation: u64,
    pub(super) value: Option<String>,
}

/// More than the number of concurrent decisions between read and write. Additional entries are left over from
/// decisions that wrote nothing.
const MOST: usize = 4_096;

impl Seen {
    pub(super) fn put(&self, key: &str, read: Read) {
        let mut seen = sync::lock(&self.0);
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(key.to_owned(), read);
    }

    /// Removes and returns the last read, if it has the value that the caller saw.
    pub(super) fn take(&self, key: &str, value: Option<&str>) -> Option<Read> {
        let read = sync::lock(&self.0).remove(key)?;
        (read.value.as_deref() == value).then_some(read)
    }
}
