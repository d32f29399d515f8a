//! A decision that somebody has asked for.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::backend::Mode;
use crate::{BackendError, Decision, Hit, Throttle};

type Answer = Result<Decision, BackendError>;

pin_project! {
    /// A decision that is made when it is first polled.
    ///
    /// An `async fn` would say the same in three lines. But what it answers goes through memory wherever the
    /// compiler does not inline it, which it decides anew in every program: a fresh decision is written by single
    /// words and read by double ones, for which a processor has to wait. And it would have room for all that a decision
    /// on a store needs, which is moved about with it also where the decision is made at once.
    pub(crate) struct Asked<'t, 'h, H, L, F> {
        throttle: &'t Throttle,
        mode: Mode,
        hit: Option<H>,
        long: L,
        waiting: Option<Pin<Box<F>>>,
        answer: Option<Answer>,
        payer: PhantomData<Hit<'h>>,
    }
}

impl<'t, 'h, H, L, F> Asked<'t, 'h, H, L, F>
where
    H: Into<Hit<'h>>,
    L: Fn(&'t Throttle, Hit<'h>, Mode) -> F,
    F: Future<Output = Answer>,
{
    #[inline]
    pub(crate) const fn new(throttle: &'t Throttle, hit: H, mode: Mode, long: L) -> Self {
        Self { throttle, mode, hit: Some(hit), long, waiting: None, answer: None, payer: PhantomData }
    }

    /// The long way, as far as it goes now. The answer stays in this future, so that the short way has its own in
    /// registers.
    #[inline(never)]
    fn wait(self: Pin<&mut Self>, hit: Option<Hit<'h>>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if let Some(hit) = hit {
            if let Some(decision) = this.throttle.without_waiting(&hit, *this.mode) {
                *this.answer = Some(Ok(decision));
                return Poll::Ready(());
            }
            *this.waiting = Some(Box::pin((this.long)(this.throttle, hit, *this.mode)));
        }
        let Some(waiting) = this.waiting else { panic!("`hit` polled after it was ready") };
        *this.answer = Some(ready!(waiting.as_mut().poll(context)));
        *this.waiting = None;
        Poll::Ready(())
    }
}

impl<'t, 'h, H, L, F> Future for Asked<'t, 'h, H, L, F>
where
    H: Into<Hit<'h>>,
    L: Fn(&'t Throttle, Hit<'h>, Mode) -> F,
    F: Future<Output = Answer>,
{
    type Output = Answer;

    #[expect(clippy::inline_always, reason = "its answer must not go through memory")]
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let this = self.as_mut().project();
        let mut hit = None;
        if let Some(asked) = this.hit.take() {
            let asked = asked.into();
            if let Some(quota) = this.throttle.at_once(this.throttle.policy(), &asked, *this.mode) {
                return Poll::Ready(Ok(Decision::by_one(quota)));
            }
            hit = Some(asked);
        }
        ready!(self.as_mut().wait(hit, context));
        self.project().answer.take().map_or(Poll::Pending, Poll::Ready)
    }
}
