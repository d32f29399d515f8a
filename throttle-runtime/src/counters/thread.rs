//! Which stripe of counters a thread has.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use super::SHARED;

/// A bit for each stripe that a thread has.
static TAKEN: AtomicU32 = AtomicU32::new(0);

/// Gives the stripe back when the thread ends.
struct Taken(usize);

/// The thread has counted nothing yet.
const UNSETTLED: usize = usize::MAX;

thread_local! {
    static TAKES: Taken = Taken::take();
    /// The same where reading it takes no more than reading a word.
    static STRIPE: Cell<usize> = const { Cell::new(UNSETTLED) };
}

/// The stripe of this thread, if it is below the shared one.
#[expect(clippy::inline_always, reason = "a call costs a tenth of a decision")]
#[inline(always)]
pub(super) fn stripe() -> usize {
    STRIPE.get()
}

/// The stripe of this thread from now on.
pub(super) fn settle() -> usize {
    if stripe() == UNSETTLED {
        // A thread that is about to end has no stripe of its own any more.
        STRIPE.set(TAKES.try_with(|taken| taken.0).unwrap_or(SHARED));
    }
    stripe()
}

impl Taken {
    fn take() -> Self {
        let free = |taken: u32| Some(taken.trailing_ones()).filter(|free| (*free as usize) < SHARED);
        let take = |taken: u32| free(taken).map(|free| taken | 1 << free);
        // What the last thread of a stripe counted is seen before the next one counts on.
        match TAKEN.fetch_update(Ordering::Acquire, Ordering::Relaxed, take) {
            Ok(taken) => Self(taken.trailing_ones() as usize),
            Err(_) => Self(SHARED),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        STRIPE.set(SHARED);
        if self.0 != SHARED {
            TAKEN.fetch_and(!(1 << self.0), Ordering::Release);
        }
    }
}
