//! The future of a decision that is called from code.

use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::backend::Mode;
use crate::decision::Decision;
use crate::error::BackendError;
use crate::hit::Hit;
use crate::throttle::Throttle;

type Answer = Result<Decision, BackendError>;

/// A future that decides a hit when it is first polled.
///
/// An `async fn` would take three lines, but it would keep its whole state in memory: the hit, and space for
/// everything that a decision on a store needs. Here, the compiler can keep the state in registers if the
/// decision is made immediately, as long as nothing on the fast path takes the address of a value. Therefore,
/// the slow path receives its arguments by value, and its future lives on the heap.
pub(crate) struct HitFuture<'t, 'h, H, L, F> {
    throttle: &'t Throttle,
    mode: Mode,
    hit: Option<H>,
    slow: L,
    waiting: Option<Pin<Box<F>>>,
    lifetime: PhantomData<Hit<'h>>,
}

/// The only pinned value, `waiting`, is on the heap.
impl<H, L, F> Unpin for HitFuture<'_, '_, H, L, F> {}

impl<'t, 'h, H, L, F> HitFuture<'t, 'h, H, L, F>
where
    H: Into<Hit<'h>>,
    L: Fn(&'t Throttle, Hit<'h>, Mode) -> F + Copy,
    F: Future<Output = Answer>,
{
    #[inline]
    pub(crate) const fn new(throttle: &'t Throttle, hit: H, mode: Mode, slow: L) -> Self {
        Self { throttle, mode, hit: Some(hit), slow, waiting: None, lifetime: PhantomData }
    }
}

impl<'t, 'h, H, L, F> Future for HitFuture<'t, 'h, H, L, F>
where
    H: Into<Hit<'h>>,
    L: Fn(&'t Throttle, Hit<'h>, Mode) -> F + Copy,
    F: Future<Output = Answer>,
{
    type Output = Answer;

    /// # Panics
    ///
    /// Panics if the future is polled again after it was ready.
    #[expect(clippy::inline_always, reason = "its answer must not go through memory")]
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Self { throttle, mode, slow, .. } = *self;
        let waiting = if let Some(hit) = self.hit.take() {
            // Dropping the hit would take its address. If a clock panics, the hit is not dropped, and a long
            // key leaks.
            let hit: ManuallyDrop<Hit<'h>> = ManuallyDrop::new(hit.into());
            // No closure here: the compiler might not inline it into this function.
            let quota = match hit.fast() {
                Some(hit) => throttle.attempt_initial(hit, mode),
                None => None,
            };
            let hit = ManuallyDrop::into_inner(hit);
            if let Some(quota) = quota {
                return Poll::Ready(Ok(Decision::by_one(quota)));
            }
            match begin(throttle, hit, mode, slow) {
                Ok(decision) => return Poll::Ready(Ok(decision)),
                Err(waiting) => waiting,
            }
        } else {
            let Some(waiting) = self.waiting.take() else { panic!("`hit` polled after it was ready") };
            waiting
        };
        match go_on(waiting, context) {
            Ok(answer) => Poll::Ready(answer),
            Err(waiting) => {
                self.waiting = Some(waiting);
                Poll::Pending
            }
        }
    }
}

/// Returns the decision if it needs no waiting, and otherwise the future that makes it.
#[inline(never)]
fn begin<'t, 'h, F>(
    throttle: &'t Throttle,
    hit: Hit<'h>,
    mode: Mode,
    slow: impl Fn(&'t Throttle, Hit<'h>, Mode) -> F,
) -> Result<Decision, Pin<Box<F>>> {
    throttle.without_waiting(&hit, mode).ok_or_else(|| Box::pin(slow(throttle, hit, mode)))
}

/// Polls the future. Returns its answer, or the future itself if it is still pending.
#[inline(never)]
fn go_on<F: Future<Output = Answer>>(
    mut waiting: Pin<Box<F>>,
    context: &mut Context<'_>,
) -> Result<Answer, Pin<Box<F>>> {
    match waiting.as_mut().poll(context) {
        Poll::Ready(answer) => Ok(answer),
        Poll::Pending => Err(waiting),
    }
}
