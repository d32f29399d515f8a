//! The interface of a measured limiter. Alone because the load and all subjects import it.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

/// The error of a subject.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// The timeout of all subjects. It is long, so that a busy machine causes no errors.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// A limiter for any number of concurrent callers.
pub(super) trait Decide: Send + Sync + 'static {
    /// Returns whether this key is admitted now.
    fn decide(&self, key: &str) -> impl Future<Output = Result<bool, Failure>> + Send;
}
