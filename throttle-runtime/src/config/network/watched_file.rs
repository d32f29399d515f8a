//! A list in a file, which is read again after the file has changed.

use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::SystemTime;
use std::{fs, mem};

use tokio::runtime::Handle;

use super::ip_set::Set;
use crate::util::sync;

/// The maximum length of a file, in bytes. A longer file is probably not a list of networks.
const MOST: u64 = 5 << 20;

/// The interval at which the file is checked, in microseconds, while requests arrive.
const PAUSE: u64 = 1_000_000;

#[derive(Debug)]
pub(super) struct File {
    path: &'static str,
    set: RwLock<Arc<Set>>,
    /// The time of the next check.
    next: AtomicU64,
    /// Locked during a check.
    seen: Mutex<Seen>,
}

/// The state of the last check.
#[derive(Debug)]
struct Seen {
    look: Look,
    /// Whether the file has changed since it was last read (`is_new`), and whether the failure to read it was
    /// logged.
    is_new: bool,
    is_said: bool,
}

/// The modification time and the length, by which changes are detected. `None` if there was no file.
type Look = Option<(SystemTime, u64)>;

impl File {
    /// Opens the list, and reads the file for the first time.
    pub(super) fn open(path: &'static str, now: u64) -> Result<Arc<Self>, String> {
        let look = look(path);
        let set = read(path)?;
        Ok(Arc::new(Self {
            path,
            set: RwLock::new(Arc::new(set)),
            next: AtomicU64::new(now.saturating_add(PAUSE)),
            seen: Mutex::new(Seen { look, is_new: false, is_said: false }),
        }))
    }

    /// Returns the networks that were last read. If a check of the file is due, starts one in the background,
    /// or runs it here if there is no runtime.
    pub(super) fn set(self: &Arc<Self>, now: u64) -> Arc<Set> {
        if self.is_due(now) {
            let file = Arc::clone(self);
            match Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn_blocking(move || file.refresh())),
                Err(_) => file.refresh(),
            }
        }
        Arc::clone(&sync::read(&self.set))
    }

    /// Whether this request starts a check. A clock that was set back does not delay the check.
    fn is_due(&self, now: u64) -> bool {
        let next = self.next.load(Ordering::Relaxed);
        let is_due = now >= next || next - now > PAUSE;
        let then = now.saturating_add(PAUSE);
        is_due && self.next.compare_exchange(next, then, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Checks the file, and reads it if it has changed. If it cannot be read, the last list stays in effect,
    /// because an editor may be writing the file.
    fn refresh(&self) {
        // Another thread is checking, which may take a while on a slow disk.
        let Ok(mut seen) = self.seen.try_lock() else { return };
        let (path, look) = (self.path, look(self.path));
        if look != seen.look {
            // A program may be writing the file now. It is read when the next check finds it unchanged.
            *seen = Seen { look, is_new: true, is_said: false };
            return;
        }
        if !seen.is_new {
            return;
        }
        match read(path) {
            Ok(set) => {
                seen.is_new = false;
                *sync::write(&self.set) = Arc::new(set);
                tracing::info!(target: "throttle", path, "a list of networks was read again");
            }
            // The next check tries again, because the failure may be temporary. It is logged only once.
            Err(error) => {
                if !mem::replace(&mut seen.is_said, true) {
                    tracing::warn!(target: "throttle", path, error, "a list of networks stays as it was");
                }
            }
        }
    }
}

fn look(path: &str) -> Look {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(path: &str) -> Result<Set, String> {
    let named = |error: &dyn std::fmt::Display| format!("the list of networks {path:?}: {error}");
    let file = fs::File::open(Path::new(path)).map_err(|error| named(&error))?;
    let mut text = String::new();
    let length = file.take(MOST + 1).read_to_string(&mut text).map_err(|error| named(&error))?;
    if length as u64 > MOST {
        return Err(named(&"it is longer than 5 MiB"));
    }
    Set::parse(&text).map_err(|error| named(&error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{File, PAUSE};
    use crate::util::events;

    #[test]
    fn what_cannot_be_read_is_said_once_and_tried_again() {
        let home = tempfile::TempDir::new().expect("a directory");
        let path: &'static str = String::leak(home.path().join("list").display().to_string());
        fs::write(path, "10.0.0.0/8").expect("a file");
        let file = File::open(path, 0).expect("a list");
        let has = |second: u64, address: &str| {
            file.set(second * PAUSE);
            file.set(second * PAUSE).contains(address.parse().expect("an address"))
        };
        events::listen();
        assert!(has(1, "10.0.0.1") && events::seen(tracing::Level::INFO).is_empty());
        fs::remove_file(path).expect("it was there");
        assert!((2..6).all(|second| has(second, "10.0.0.1")), "it stays as it was");
        assert_eq!(events::seen(tracing::Level::WARN).len(), 1);
        fs::write(path, "192.0.2.0/24, nonsense").expect("a file");
        assert!((6..9).all(|second| has(second, "10.0.0.1")));
        assert_eq!(events::seen(tracing::Level::WARN).len(), 2, "another thing is wrong");
        fs::write(path, "192.0.2.0/24").expect("a file");
        assert!(has(9, "10.0.0.1"), "it may not be all that is to be there");
        assert!(has(10, "192.0.2.1") && !has(11, "10.0.0.1"));
        assert_eq!(events::seen(tracing::Level::INFO).len(), 1);
    }
}
