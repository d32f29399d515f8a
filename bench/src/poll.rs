//! Polls futures without an executor. Alone because measurements of memory and of instructions share it.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Returns the value of a future that is ready immediately. Futures of the memory backend are.
///
/// Like an `.await`, this is always inlined into the calling function.
///
/// # Panics
///
/// Panics if the future is pending.
#[expect(clippy::inline_always, reason = "an `.await` is no call")]
#[inline(always)]
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}
