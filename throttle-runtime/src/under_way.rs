//! Tasks that nobody waits for but the end of what they belong to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::RwLock;
use tokio::time::timeout;

/// All that is under way. Whoever begins reads the lock, and whoever waits for all of them to end writes it.
#[derive(Default)]
pub(crate) struct UnderWay(Arc<RwLock<()>>);

impl UnderWay {
    /// To be kept until it is done; `None` while somebody waits for the end.
    #[cfg(any(feature = "axum", feature = "redis", feature = "tower"))]
    pub(crate) fn begin(&self) -> Option<tokio::sync::OwnedRwLockReadGuard<()>> {
        Arc::clone(&self.0).try_read_owned().ok()
    }

    #[cfg(feature = "redis")]
    pub(crate) fn is_over(&self) -> bool {
        self.0.try_write().is_ok()
    }

    /// Waits until all are done, for so long at most. Where nothing is under way it needs no runtime.
    pub(crate) async fn end(&self, patience: Duration) {
        if self.0.try_write().is_err() {
            let _ = timeout(patience, self.0.write()).await;
        }
    }
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnderWay")
    }
}
