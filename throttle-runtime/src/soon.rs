//! An answer that is there already, or a future of it: so that what needs no waiting needs no allocation.

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
        }
    }
}

impl<T> fmt::Debug for Soon<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Repr::Now(_) => "Soon(now)",
            Repr::Later(_) => "Soon(later)",
        })
    }
}
