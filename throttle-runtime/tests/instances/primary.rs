//! A backend that fails on command, and counts its calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use throttle_runtime::backend::{Backend, Charge, Memory, Mode, Reply, Verdict};
use throttle_runtime::{BackendError, ErrorKind, NowOrLater};

#[derive(Debug, Clone, Default)]
pub(crate) struct Primary(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    memory: Memory,
    fails: AtomicBool,
    calls: AtomicUsize,
}

impl Primary {
    pub(crate) fn fails(&self, fails: bool) {
        self.0.fails.store(fails, Ordering::Relaxed);
    }

    /// Returns the number of decisions since the last call.
    pub(crate) fn calls(&self) -> usize {
        self.0.calls.swap(0, Ordering::Relaxed)
    }
}

impl Backend for Primary {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        if self.0.fails.load(Ordering::Relaxed) {
            return NowOrLater::now(Err(
                BackendError::new(ErrorKind::Connection, "it is gone").safe_to_retry()
            ));
        }
        self.0.memory.decide(charges, mode)
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.0.memory.refund(charges, at)
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.0.memory.reset()
    }
}
