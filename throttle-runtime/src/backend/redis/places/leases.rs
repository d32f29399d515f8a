//! All that is in flight, so that the end of a backend can wait for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::time::timeout;

/// Who holds places. Whoever begins reads the lock, and whoever waits for all of them to end writes it.
#[derive(Default)]
pub(in crate::backend::redis) struct Leases(Arc<RwLock<()>>);

/// How long the end of a backend waits for those that are about to free their places.
const AT_THE_END: Duration = Duration::from_millis(500);

impl Leases {
    /// To be kept as long as a place may be held; `None` at the end of the backend.
    pub(super) fn begin(&self) -> Option<OwnedRwLockReadGuard<()>> {
        Arc::clone(&self.0).try_read_owned().ok()
    }

    pub(in crate::backend::redis) fn are_over(&self) -> bool {
        self.0.try_write().is_ok()
    }

    /// Waits until all are over, but not for those that take long.
    pub(in crate::backend::redis) async fn end(&self) {
        let _ = timeout(AT_THE_END, self.0.write()).await;
    }
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leases")
    }
}
