//! A backend with the server that it needs. The server ends when the backend is dropped.

use std::fmt;

use throttle_runtime::backend::{Backend, Charge, Mode, Reply, Verdict};

pub(crate) struct Served<B, S> {
    pub(crate) backend: B,
    pub(crate) _server: S,
}

impl<B: Backend, S: Send + Sync + 'static> Backend for Served<B, S> {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        self.backend.decide(charges, mode)
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.backend.refund(charges, at)
    }

    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        self.backend.forget(charges)
    }

    fn initialize(&self) -> Reply<'_, ()> {
        self.backend.initialize()
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.backend.reset()
    }

    fn close(&self) -> Reply<'_, ()> {
        self.backend.close()
    }
}

impl<B: fmt::Debug, S> fmt::Debug for Served<B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.backend.fmt(f)
    }
}
