//! A backend that fails on command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use throttle::backend::{Backend, Charge, Held, Memory, Mode, Place, Places, Reply, Verdict};
use throttle::{BackendError, ErrorKind, ManualClock, Soon};

/// What a faulty backend does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Decides.
    None,
    /// Says that it is not there: nothing is charged.
    Refuses(ErrorKind),
    /// Charges, and says that it did not work.
    Loses(ErrorKind),
    /// Never answers.
    Hangs,
    /// Panics.
    Panics,
}

/// A backend in memory that does as it is told, and counts.
#[derive(Debug, Clone)]
pub struct Faulty(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    memory: Memory,
    fault: Mutex<Fault>,
    /// How many requests still fail; after them it decides.
    left: AtomicUsize,
    calls: AtomicUsize,
    initialized: AtomicUsize,
    initializes: AtomicBool,
}

impl Faulty {
    pub fn new(clock: &ManualClock) -> Self {
        Self(Arc::new(Inner {
            memory: Memory::builder().clock(clock.clone()).build(),
            fault: Mutex::new(Fault::None),
            left: AtomicUsize::new(usize::MAX),
            calls: AtomicUsize::new(0),
            initialized: AtomicUsize::new(0),
            initializes: AtomicBool::new(true),
        }))
    }

    /// From now on every request meets this fault.
    pub fn fails(&self, fault: Fault) {
        self.fails_times(fault, usize::MAX);
    }

    /// The next requests meet this fault.
    pub fn fails_times(&self, fault: Fault, times: usize) {
        *self.0.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        self.0.left.store(times, Ordering::Relaxed);
    }

    pub fn heals(&self) {
        self.fails(Fault::None);
    }

    /// Whether it can be initialised.
    pub fn initializes(&self, can: bool) {
        self.0.initializes.store(can, Ordering::Relaxed);
    }

    /// How many decisions it was asked for since this was asked last.
    pub fn calls(&self) -> usize {
        self.0.calls.swap(0, Ordering::Relaxed)
    }

    /// How often it was initialised.
    pub fn initialized(&self) -> usize {
        self.0.initialized.load(Ordering::Relaxed)
    }

    fn fault(&self) -> Fault {
        let one_less = |left: usize| left.checked_sub(1);
        match self.0.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less) {
            Ok(_) => *self.0.fault.lock().unwrap_or_else(PoisonError::into_inner),
            Err(_) => Fault::None,
        }
    }
}

pub fn error(kind: ErrorKind) -> BackendError {
    BackendError::new(kind, format!("a fault of the kind {kind:?}"))
}

impl Backend for Faulty {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        match self.fault() {
            Fault::None => self.0.memory.decide(charges, mode),
            Fault::Refuses(kind) => Soon::now(Err(error(kind).nothing_charged())),
            Fault::Loses(kind) => Soon::later(async move {
                self.0.memory.decide(charges, mode).await?;
                Err(error(kind))
            }),
            Fault::Panics => panic!("a fault"),
            Fault::Hangs => Soon::later(std::future::pending()),
        }
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.0.memory.refund(charges, at)
    }

    fn initialize(&self) -> Reply<'_, ()> {
        Soon::later(async {
            tokio::task::yield_now().await;
            self.0.initialized.fetch_add(1, Ordering::Relaxed);
            if self.0.initializes.load(Ordering::Relaxed) {
                Ok(())
            } else {
                Err(error(ErrorKind::Connection))
            }
        })
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.0.memory.reset()
    }

    fn places(&self) -> Option<&dyn Places> {
        Some(self)
    }
}

impl Places for Faulty {
    fn take<'a>(&'a self, place: &'a Place<'a>) -> Reply<'a, Option<Held>> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        match self.fault() {
            Fault::None => self.0.memory.take(place),
            Fault::Refuses(kind) => Soon::now(Err(error(kind).nothing_charged())),
            Fault::Loses(kind) => Soon::now(Err(error(kind))),
            Fault::Panics => panic!("a fault"),
            Fault::Hangs => Soon::later(std::future::pending()),
        }
    }
}
