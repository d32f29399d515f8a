//! A backend whose board stores words, but reports that it failed to do so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, CoordinationStore, Mode, Reply, Verdict};
use throttle_runtime::{BackendError, ErrorKind, NowOrLater};

#[derive(Debug)]
pub(crate) struct Lossy<B> {
    pub(crate) backend: B,
    pub(crate) loses: Arc<AtomicBool>,
}

impl<B: Backend> Lossy<B> {
    fn inner(&self) -> &dyn CoordinationStore {
        self.backend.coordination_store().expect("a board")
    }
}

impl<B: Backend> CoordinationStore for Lossy<B> {
    fn put<'a>(&'a self, name: &'a str, value: u64, ttl: Duration) -> Reply<'a, ()> {
        NowOrLater::later(async move {
            self.inner().put(name, value, ttl).await?;
            if self.loses.load(Ordering::Relaxed) {
                return Err(BackendError::new(ErrorKind::Timeout, "no answer"));
            }
            Ok(())
        })
    }

    fn get<'a>(&'a self, name: &'a str) -> Reply<'a, Option<u64>> {
        self.inner().get(name)
    }

    fn delete<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        self.inner().delete(name)
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

    fn coordination_store(&self) -> Option<&dyn CoordinationStore> {
        Some(self)
    }
}
