//! The stripe of counters that a thread uses.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use super::SHARED;

/// One bit for each stripe that a thread uses.
static TAKEN: AtomicU32 = AtomicU32::new(0);

/// Releases the stripe when the thread ends.
struct Taken(usize);

/// The value of a thread that has counted nothing yet.
const UNSETTLED: usize = usize::MAX;

thread_local! {
    static TAKES: Taken = Taken::take();
    /// A copy of the stripe that is read like a plain word.
    static STRIPE: Cell<usize> = const { Cell::new(UNSETTLED) };
}

/// Returns the stripe of this thread. The thread has a stripe of its own if the result is below the shared
/// stripe.
#[expect(clippy::inline_always, reason = "a call costs a tenth of a decision")]
#[inline(always)]
pub(super) fn stripe() -> usize {
    STRIPE.get()
}

/// Assigns a stripe to this thread, if it has none, and returns it.
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
        // With `Acquire`, the counts of the stripe's last thread are visible before this thread continues
        // them.
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
