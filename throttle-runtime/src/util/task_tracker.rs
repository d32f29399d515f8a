//! Background tasks, whose end is awaited only when the registry or backend that they belong to ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::RwLock;
use tokio::time::timeout;

/// All tasks in progress. Each task holds the lock for reading. A caller that waits for all of them to end
/// locks it for writing.
#[derive(Default)]
pub(crate) struct TaskTracker(Arc<RwLock<()>>);

impl TaskTracker {
    /// Returns a guard that a task keeps until it is done. Returns `None` while a caller waits for the end.
    #[cfg(any(feature = "axum", feature = "redis", feature = "tower"))]
    pub(crate) fn begin(&self) -> Option<tokio::sync::OwnedRwLockReadGuard<()>> {
        Arc::clone(&self.0).try_read_owned().ok()
    }

    #[cfg(feature = "redis")]
    pub(crate) fn is_over(&self) -> bool {
        self.0.try_write().is_ok()
    }

    /// Waits until all tasks are done, but at most for `patience`. If no task is in progress, it needs no
    /// runtime.
    pub(crate) async fn end(&self, patience: Duration) {
        if self.0.try_write().is_err() {
            let _ = timeout(patience, self.0.write()).await;
        }
    }
}

impl fmt::Debug for TaskTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskTracker")
    }
}
