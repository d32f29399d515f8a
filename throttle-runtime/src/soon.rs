//! An answer that is there already, or a future of it: so that what needs no waiting needs no allocation.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An answer that is there already, or a future of it.
///
/// ```
/// use throttle::Soon;
///
/// # async fn example() {
/// assert_eq!(Soon::now(1).await, 1);
/// assert_eq!(Soon::later(async { 2 }).await, 2);
/// # }
/// ```
pub struct Soon<'a, T>(Repr<'a, T>);

enum Repr<'a, T> {
    /// The answer; `None` once it was taken.
    Now(Option<T>),
    Later(BoxFuture<'a, T>),
    /// The same, and whether it waited in [`uncharged`] when it was polled last.
    Watched(BoxFuture<'a, T>, bool),
}

thread_local! {
    /// Whether the future that this thread polls waits in [`uncharged`].
    static UNCHARGED: Cell<bool> = const { Cell::new(false) };
}

/// Marks a part of a [watched](Soon::watched) future: while it waits here, it has charged nobody, and no request that might
/// is under way.
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

impl<'a, T> Soon<'a, T> {
    /// The answer itself.
    pub const fn now(answer: T) -> Self {
        Self(Repr::Now(Some(answer)))
    }

    /// The answer as soon as this future has it.
    pub fn later(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self(Repr::Later(Box::pin(future)))
    }

    /// The same of a future that waits in [`uncharged`] whenever it has charged nobody.
    pub(crate) fn watched(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self(Repr::Watched(Box::pin(future), true))
    }

    /// Whether it is certain that a future that was polled, and not to its end, has charged nobody.
    pub(crate) const fn is_uncharged(&self) -> bool {
        matches!(self.0, Repr::Watched(_, true))
    }

    /// The answer if it is there, or else this.
    pub fn ready(self) -> Result<T, Self> {
        match self.0 {
            Repr::Now(Some(answer)) => Ok(answer),
            other => Err(Self(other)),
        }
    }
}

// Nothing is pinned in place: `Now` gives its value away, `Later` is pinned on the heap.
impl<T> Unpin for Soon<'_, T> {}

impl<T> Future for Soon<'_, T> {
    type Output = T;

    /// # Panics
    ///
    /// If polled again after it was ready, like every future that ran to its end.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut self.get_mut().0 {
            Repr::Now(answer) => match answer.take() {
                Some(answer) => Poll::Ready(answer),
                None => panic!("`Soon` polled after it was ready"),
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

impl<T> fmt::Debug for Soon<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Repr::Now(_) => "Soon(now)",
            Repr::Later(_) | Repr::Watched(..) => "Soon(later)",
        })
    }
}
