//! Waits for the replies of backends, with a timeout.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use crate::error::BackendError;
use crate::util::deadline;
use crate::util::now_or_later::NowOrLater;

/// Waits for a reply, at most for `limit`. A reply that is ready needs no timer, and so no runtime with
/// timers.
pub(crate) async fn within<T>(
    limit: Duration,
    reply: NowOrLater<'_, Result<T, BackendError>>,
) -> Result<T, BackendError> {
    match reply.ready() {
        Ok(answer) => answer,
        Err(later) => later_within(limit, later).await,
    }
}

/// Waits for a reply that is not ready. If the backend was still waiting to send at the timeout, the error
/// tells that nothing was charged.
pub(crate) async fn later_within<T>(
    limit: Duration,
    mut reply: NowOrLater<'_, Result<T, BackendError>>,
) -> Result<T, BackendError> {
    let mut is_uncharged = false;
    let note = &mut is_uncharged;
    // The future owns the reply, so that the reply is dropped inside `timeout`, which marks the drop as
    // expired.
    let noted = poll_fn(move |context| {
        let polled = Pin::new(&mut reply).poll(context);
        *note = reply.is_uncharged();
        polled
    });
    let answer = deadline::timeout(limit, noted).await;
    answer.unwrap_or_else(|elapsed| {
        let error = BackendError::from(elapsed);
        Err(if is_uncharged { error.safe_to_retry() } else { error })
    })
}
