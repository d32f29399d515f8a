//! A value that is available now, or a future of it. A value that is available now needs no allocation.
//!
//! It replaces boxed futures: backends and settings return a value or a future. A value also needs no timer and
//! no turn of the executor, which covers the whole path through the memory backend.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A boxed future that may move between threads.
///
/// ```
/// use throttle::BoxFuture;
///
/// fn units() -> BoxFuture<'static, u64> {
///     Box::pin(async { 2 })
/// }
/// # let _ = units;
/// ```
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A value that is available now, or a future of it.
///
/// ```
/// use throttle::NowOrLater;
///
/// # async fn example() {
/// assert_eq!(NowOrLater::now(1).await, 1);
/// assert_eq!(NowOrLater::later(async { 2 }).await, 2);
/// # }
/// ```
pub struct NowOrLater<'a, T>(Repr<'a, T>);

enum Repr<'a, T> {
    /// The value. `None` after it was taken.
    Now(Option<T>),
    Later(BoxFuture<'a, T>),
    /// A future, and whether it was waiting in [`uncharged`] when it was last polled.
    Watched(BoxFuture<'a, T>, bool),
}

thread_local! {
    /// Whether the future that this thread polls is waiting in [`uncharged`].
    static UNCHARGED: Cell<bool> = const { Cell::new(false) };
}

/// Marks a part of a [watched](NowOrLater::watched) future. While the future waits here, it has charged
/// nothing, and no request that could charge is in progress.
pub(crate) async fn uncharged<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    std::future::poll_fn(|context| {
        let polled = future.as_mut().poll(context);
        if polled.is_pending() {
            UNCHARGED.set(true);
        }
        polled
    })
    .await
}

impl<'a, T> NowOrLater<'a, T> {
    /// Creates a value that is available now.
    pub const fn now(answer: T) -> Self {
        Self(Repr::Now(Some(answer)))
    }

    /// Creates a value that is available when this future completes.
    pub fn later(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self(Repr::Later(Box::pin(future)))
    }

    /// Like [`later`](Self::later), for a future that waits in [`uncharged`] whenever it has charged nothing.
    pub(crate) fn watched(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self(Repr::Watched(Box::pin(future), true))
    }

    /// Returns whether it is certain that a future that was polled, but not to its end, has charged nothing.
    pub(crate) const fn is_uncharged(&self) -> bool {
        matches!(self.0, Repr::Watched(_, true))
    }

    /// Returns the value if it is available now.
    ///
    /// ```
    /// use throttle::NowOrLater;
    ///
    /// assert!(matches!(NowOrLater::now(1).ready(), Ok(1)));
    /// assert!(NowOrLater::later(async { 2 }).ready().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// Returns `self` if the value is not available yet, or if it was taken already.
    pub fn ready(self) -> Result<T, Self> {
        match self.0 {
            Repr::Now(Some(answer)) => Ok(answer),
            other => Err(Self(other)),
        }
    }
}

// Nothing is pinned in place: `Now` moves its value out, and the other futures are pinned on the heap.
impl<T> Unpin for NowOrLater<'_, T> {}

impl<T> Future for NowOrLater<'_, T> {
    type Output = T;

    /// # Panics
    ///
    /// Panics if a value that was available now is polled again. A future that has completed may panic, too.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut self.get_mut().0 {
            Repr::Now(answer) => match answer.take() {
                Some(answer) => Poll::Ready(answer),
                None => panic!("`NowOrLater` polled after it was ready"),
            },
            Repr::Later(future) => future.as_mut().poll(context),
            Repr::Watched(future, is_uncharged) => {
                UNCHARGED.set(false);
                let polled = future.as_mut().poll(context);
                *is_uncharged = UNCHARGED.get();
                polled
            }
        }
    }
}

impl<T> fmt::Debug for NowOrLater<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Repr::Now(_) => "NowOrLater(now)",
            Repr::Later(_) | Repr::Watched(..) => "NowOrLater(later)",
        })
    }
}
