//! A list in a file, which is read again when that has changed.

use std::fs;
use std::io::Read;
use std::mem;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use tokio::runtime::Handle;

use super::set::Set;

/// Longer files are lists of something else.
const MOST: u64 = 5 << 20;

/// How often it is looked at, in microseconds, while requests come.
const PAUSE: u64 = 1_000_000;

#[derive(Debug)]
pub(super) struct File {
    path: &'static str,
    set: RwLock<Arc<Set>>,
    /// When it is looked at next.
    next: AtomicU64,
    /// Held while somebody looks.
    seen: Mutex<Seen>,
}

/// What was last seen.
#[derive(Debug)]
struct Seen {
    look: Look,
    /// Whether it has not been read as it looks now, and whether it was said that it cannot be.
    is_new: bool,
    is_said: bool,
}

/// By what a file is known to have changed; `None` if it was not there.
type Look = Option<(SystemTime, u64)>;

impl File {
    /// Reads it for the first time.
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

    /// What was last read, and a look at the file behind the back of this request if it is time for one.
    pub(super) fn set(self: &Arc<Self>, now: u64) -> Arc<Set> {
        if self.is_due(now) {
            let file = Arc::clone(self);
            match Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn_blocking(move || file.refresh())),
                Err(_) => file.refresh(),
            }
        }
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this request is the one that has it looked at. A clock that stepped back is no reason not to.
    fn is_due(&self, now: u64) -> bool {
        let next = self.next.load(Ordering::Relaxed);
        let is_due = now >= next || next - now > PAUSE;
        let then = now.saturating_add(PAUSE);
        is_due && self.next.compare_exchange(next, then, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// A list that cannot be read is not the end of the one that there is: an editor may be at it.
    fn refresh(&self) {
        // Somebody else looks, as a disk takes its time.
        let Ok(mut seen) = self.seen.try_lock() else { return };
        let (path, look) = (self.path, look(self.path));
        if look != seen.look {
            // Somebody may be writing to it at this moment: it is read when it looks the same the next time.
            *seen = Seen { look, is_new: true, is_said: false };
            return;
        }
        if !seen.is_new {
            return;
        }
        match read(path) {
            Ok(set) => {
                seen.is_new = false;
                *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
                tracing::info!(target: "throttle", path, "a list of networks was read again");
            }
            // It is tried again, as what cannot be opened now may be in a moment, and said once.
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
    use crate::events;

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
