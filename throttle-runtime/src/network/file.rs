//! A list in a file, which is read again when that has changed.

use std::fs;
use std::io::Read;
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
    /// What it looked like when it was last looked into. Held while somebody looks.
    seen: Mutex<Seen>,
}

/// By what a file is known to have changed; `None` if it was not there.
type Seen = Option<(SystemTime, u64)>;

impl File {
    /// Reads it for the first time.
    pub(super) fn open(path: &'static str, now: u64) -> Result<Arc<Self>, String> {
        let seen = look(path);
        let set = read(path)?;
        Ok(Arc::new(Self {
            path,
            set: RwLock::new(Arc::new(set)),
            next: AtomicU64::new(now.saturating_add(PAUSE)),
            seen: Mutex::new(seen),
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
        let now = look(self.path);
        if now == *seen {
            return;
        }
        let path = self.path;
        match read(path) {
            Ok(set) => {
                *seen = now;
                *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
                tracing::info!(target: "throttle", path, "a list of networks was read again");
            }
            // A word that is wrong stays wrong until somebody changes the file; what cannot be opened may be in a moment.
            Err(error) => {
                if now.is_some() && fs::File::open(path).is_ok() {
                    *seen = now;
                }
                tracing::warn!(target: "throttle", path, error, "a list of networks stays as it was");
            }
        }
    }
}

fn look(path: &str) -> Seen {
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
