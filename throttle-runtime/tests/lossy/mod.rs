//! A backend whose board stores words, but reports that it failed to do so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use throttle_runtime::backend::{Backend, Board, Charge, Mode, Reply, Verdict};
use throttle_runtime::{BackendError, ErrorKind, NowOrLater};

#[derive(Debug)]
pub(crate) struct Lossy<B> {
    pub(crate) backend: B,
    pub(crate) loses: Arc<AtomicBool>,
}

impl<B: Backend> Lossy<B> {
    fn inner(&self) -> &dyn Board {
        self.backend.board().expect("a board")
    }
}

impl<B: Backend> Board for Lossy<B> {
    fn post<'a>(&'a self, name: &'a str, word: u64, ttl: Duration) -> Reply<'a, ()> {
        NowOrLater::later(async move {
            self.inner().post(name, word, ttl).await?;
            if self.loses.load(Ordering::Relaxed) {
                return Err(BackendError::new(ErrorKind::Timeout, "no answer"));
            }
            Ok(())
        })
    }

    fn read<'a>(&'a self, name: &'a str) -> Reply<'a, Option<u64>> {
        self.inner().read(name)
    }

    fn remove<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        self.inner().remove(name)
    }
}

impl<B: Backend> Backend for Lossy<B> {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        self.backend.decide(charges, mode)
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.backend.refund(charges, at)
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.backend.reset()
    }

    fn board(&self) -> Option<&dyn Board> {
        Some(self)
    }
}
