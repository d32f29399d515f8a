//! Futures without an executor.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The value of a future that does not wait for anything, as none of the memory backend does.
///
/// It stands for an `.await`, which is part of the function where it is written, however many there are.
#[expect(clippy::inline_always, reason = "an `.await` is no call")]
#[inline(always)]
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}
