//! Two backends on one clock. The primary fails on command.

mod bounds;
mod drops;
mod failures;
mod together;

use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;

use super::{PrimaryAnswer, Reconciler, Share};
use crate::backend::{Backend, Charge, Memory, Mode, Reply, Verdict};
use crate::clock::{Clock, ManualClock};
use crate::decision::Quota;
use crate::error::{BackendError, ErrorKind};
use crate::key::Key;
use crate::rate::Rate;
use crate::strategy::Strategy;
use crate::util::now_or_later::NowOrLater;

const DEADLINE: Duration = Duration::from_secs(1);

/// How the primary fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The primary reports that nothing was charged.
    Refused,
    /// Nothing was charged, but the primary does not report it.
    Lost,
    /// The primary charged, and the reply is lost.
    Unheard,
}

/// A backend that fails on command, and replies later.
#[derive(Debug)]
struct Faulty {
    memory: Memory,
    fault: Mutex<Option<Fault>>,
    /// How often its futures are pending before the decision, and again after it.
    pending: usize,
}

impl Faulty {
    fn new(clock: &ManualClock, pending: usize) -> Self {
        let memory = Memory::builder().clock(clock.clone()).build();
        Self { memory, fault: Mutex::default(), pending }
    }

    fn fails(&self, fault: Option<Fault>) {
        *self.fault.lock().expect("a lock") = fault;
    }
}

async fn pend(times: usize) {
    let mut left = times;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        left = left.saturating_sub(1);
        if left == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl Backend for Faulty {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        let fault = *self.fault.lock().expect("a lock");
        let lost = || BackendError::new(ErrorKind::Connection, "lost");
        match (fault, self.pending) {
            (Some(Fault::Refused), _) => NowOrLater::now(Err(lost().safe_to_retry())),
            (Some(Fault::Lost), _) => NowOrLater::now(Err(lost())),
            (Some(Fault::Unheard), _) => {
                let _ = self.memory.decide(charges, mode).ready();
                NowOrLater::now(Err(lost()))
            }
            (None, 0) => self.memory.decide(charges, mode),
            (None, pending) => NowOrLater::later(async move {
                pend(pending + 1).await;
                let verdict = self.memory.decide(charges, mode).await;
                pend(pending + 1).await;
                verdict
            }),
        }
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.memory.refund(charges, at)
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.memory.reset()
    }
}

/// One instance of a service: its carry-over and its fallback.
struct Instance {
    reconciler: Reconciler,
    standby: Faulty,
}

/// A throttle in several instances, and the key that it limits.
struct World {
    clock: ManualClock,
    primary: Faulty,
    instances: Vec<Instance>,
    share: Share,
    strategy: &'static dyn Strategy,
    rates: Vec<Rate>,
    key: Key,
}

impl World {
    fn new(strategy: &'static dyn Strategy, rates: &[Rate], instances: u32) -> Self {
        Self::with(strategy, rates, instances, 0)
    }

    fn with(strategy: &'static dyn Strategy, rates: &[Rate], instances: u32, pending: usize) -> Self {
        let (clock, share) = (ManualClock::new(), Share::new(1, instances));
        let share = if share.is_whole() { Share::WHOLE } else { share };
        clock.advance(Duration::from_micros(123_456));
        let instance = |_| Instance {
            reconciler: Reconciler::new(share, "t".into(), strategy.into()),
            standby: Faulty::new(&clock, pending),
        };
        Self {
            primary: Faulty::new(&clock, pending),
            instances: (0..instances).map(instance).collect(),
            clock,
            share,
            strategy,
            rates: rates.to_vec(),
            key: Key::from("alice"),
        }
    }

    fn now(&self) -> u64 {
        self.clock.now()
    }

    fn advance(&self, micros: u64) {
        self.clock.advance(Duration::from_micros(micros));
    }

    fn charge(&self, cost: u64) -> Charge<'_> {
        Charge::new("t", &self.key, self.strategy, &self.rates, cost)
    }

    /// The primary decides, and all instances receive the decision.
    async fn asks_primary(&self, cost: u64) -> bool {
        let charge = [self.charge(cost)];
        let verdict = self.primary.decide(&charge, Mode::Consume).await.expect("a verdict");
        for instance in &self.instances {
            instance.reconciler.record_answer(&charge[0], heard(&verdict), self.now());
        }
        verdict.quotas.iter().all(Quota::fits)
    }

    /// The fallback of an instance decides.
    async fn asks_standby(&self, instance: usize, cost: u64) -> bool {
        let (charge, Instance { reconciler, standby }) = (self.charge(cost), &self.instances[instance]);
        reconciler.seed(&charge, standby, DEADLINE, self.now()).await.expect("a standby");
        let rates = self.share.of(&self.rates);
        let shared = [Charge { rates: &rates, ..charge.clone() }];
        let verdict = standby.decide(&shared, Mode::Consume).await.expect("a verdict");
        let fits = verdict.quotas.iter().all(Quota::fits);
        if fits {
            assert!(reconciler.admitted(&charge, verdict.at), "no answer came meanwhile");
        }
        fits
    }

    async fn pays(&self, instance: usize) -> Result<(), BackendError> {
        let reconciler = &self.instances[instance].reconciler;
        reconciler.pay(&self.charge(1), &self.primary, DEADLINE, self.now()).await
    }

    fn owes(&self, instance: usize) -> bool {
        self.instances[instance].reconciler.owes(&self.charge(1))
    }

    /// Returns the units that a backend has left of the tightest limit.
    async fn left(&self, backend: &dyn Backend, rates: &[Rate]) -> u64 {
        let charge = [Charge { rates, ..self.charge(0) }];
        let verdict = backend.decide(&charge, Mode::Peek).await.expect("a verdict");
        verdict.quotas.iter().map(Quota::remaining).min().expect("a limit")
    }

    async fn left_at_primary(&self) -> u64 {
        self.left(&self.primary.memory, &self.rates).await
    }
}

/// Resolves a future that is never pending.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("at once")
}

/// An answer of the primary that is never too late.
fn heard(verdict: &Verdict) -> PrimaryAnswer<'_> {
    PrimaryAnswer { quotas: &verdict.quotas, at: verdict.at, sent: u64::MAX }
}
