//! Decisions: each strategy, on each way through the memory backend, allowed and denied.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use throttle::backend::{Backend, Charge, Memory, Mode, Reply, Verdict};
use throttle::strategy::{
    Adaptive, Calendar, CostBasedTokenBucket, FixedWindow, Gcra, LeakyBucket, LeakyBucketQueue,
    PriorityQueue, QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, TieredRate, TimeOfDay,
    TokenBucket, TokenBucketWithDebt,
};
use throttle::{Hit, ManualClock, Rate, Settings, Throttle};

use super::{Callgrind, FIRST, Instructions, counted, mark};
use crate::memory;
use crate::poll::at_once;
use crate::report::{OURS, Record};

/// What is counted: `decision/STRATEGY/OUTCOME/WAY`.
pub(super) struct Cell {
    strategy: &'static str,
    outcome: &'static str,
    way: &'static str,
    name: String,
}

/// A strategy, by the name of its cells.
struct Kind {
    name: &'static str,
    /// Whether the memory backend has a fast path for it.
    is_fast: bool,
    /// Whether its state is a list of requests.
    is_list: bool,
    /// Sets it, in settings of a rate with that limit.
    set: fn(Settings, u64) -> Settings,
}

impl Kind {
    const fn fast(name: &'static str, set: fn(Settings, u64) -> Settings) -> Self {
        Self { name, is_fast: true, is_list: false, set }
    }

    const fn general(name: &'static str, set: fn(Settings, u64) -> Settings) -> Self {
        Self { is_fast: false, ..Self::fast(name, set) }
    }

    const fn list(name: &'static str, set: fn(Settings, u64) -> Settings) -> Self {
        Self { is_list: true, ..Self::general(name, set) }
    }
}

const KINDS: [Kind; 15] = [
    Kind::fast("fixed-window", |settings, _| settings.strategy(FixedWindow)),
    Kind::fast("gcra", |settings, limit| settings.strategy(Gcra::new().burst(limit))),
    Kind::fast("token-bucket", |settings, _| settings.strategy(TokenBucket::new())),
    Kind::fast("token-bucket-with-debt", |settings, _| settings.strategy(TokenBucketWithDebt::new())),
    Kind::fast("leaky-bucket", |settings, _| settings.strategy(LeakyBucket)),
    Kind::general("sliding-window-counter", |settings, _| settings.strategy(SlidingWindowCounter)),
    Kind::general("cost-based-token-bucket", |settings, _| settings.strategy(CostBasedTokenBucket::new())),
    Kind::general("quota-with-rollover", |settings, _| settings.strategy(QuotaWithRollover::new())),
    Kind::general("tiered-rate", |settings, _| settings.strategy(TieredRate::new())),
    Kind::general("adaptive", |settings, _| settings.strategy(Adaptive::new())),
    Kind::general("time-of-day", |settings, _| settings.strategy(TimeOfDay::office_hours("UTC"))),
    Kind::general("calendar", |settings, _| settings.strategy(Calendar::in_zone("UTC"))),
    Kind::list("sliding-window-log", |settings, _| settings.strategy(SlidingWindowLog)),
    Kind::list("priority-queue", |settings, _| settings.strategy(PriorityQueue::new())),
    Kind::list("leaky-bucket-queue", |settings, _| settings.strategy(LeakyBucketQueue::new())),
];

/// The memory backend decides without a lock.
const FAST: &str = "fast";
/// The memory backend decides under the locks of pages, through the trait that all backends implement.
const GENERAL: &str = "general";
const ALLOWED: &str = "allowed";
const DENIED: &str = "denied";

/// All cells that are wanted.
pub(super) fn all(wanted: impl Fn(&str, &str) -> bool) -> impl Iterator<Item = Cell> {
    let cells = KINDS.into_iter().flat_map(|kind| {
        let ways = if kind.is_fast { &[FAST, GENERAL][..] } else { &[GENERAL] };
        let outcomes = |way| {
            [ALLOWED, DENIED].map(|outcome| {
                let name = format!("decision/{}/{outcome}/{way}", kind.name);
                Cell { strategy: kind.name, outcome, way, name }
            })
        };
        ways.iter().copied().flat_map(outcomes).collect::<Vec<_>>()
    });
    cells.filter(move |cell| wanted(&cell.name, OURS))
}

impl Cell {
    pub(super) fn count(
        &self,
        callgrind: &Callgrind,
        many: u64,
        reps: usize,
    ) -> Result<Record<Instructions>, Box<dyn Error>> {
        let decisions = many.to_string();
        let part = ["decide", self.strategy, self.outcome, self.way, &decisions];
        counted((&self.name, OURS), (many, reps), || callgrind.start(&part)?.between_marks())
    }
}

/// Whose decisions are counted.
const CLIENT: &str = "user:000618033988749";

/// Makes that many decisions about one key between two marks.
///
/// # Errors
///
/// If there is no such strategy, or if a decision is not what `outcome` says.
pub(crate) fn decide(strategy: &str, outcome: &str, way: &str, decisions: u64) -> Result<(), Box<dyn Error>> {
    let kind = KINDS.into_iter().find(|kind| kind.name == strategy).ok_or("no such strategy")?;
    let denied = outcome == DENIED;
    let passed =
        if kind.is_list { list(&kind, denied, decisions) } else { word(&kind, denied, way, decisions) };
    let expected = if denied { 0 } else { decisions };
    if passed == expected { Ok(()) } else { Err(format!("{passed} of {decisions} decisions passed").into()) }
}

/// How many of the decisions pass, where the state is a number. By the system's clock.
fn word(kind: &Kind, denied: bool, way: &str, decisions: u64) -> u64 {
    // Half of the limit is used first, so that the state does not end between two decisions.
    let (limit, first) = if denied { (1, 1) } else { (1_000_000, 500_000) };
    let settings = (kind.set)(Settings::new().rate(Rate::per_day(limit)), limit);
    let throttle = if way == FAST {
        memory::throttle(Memory::new(), settings)
    } else {
        memory::throttle(Hidden(Memory::new()), settings)
    };
    let _ = at_once(throttle.hit(Hit::from(CLIENT).cost(first)));
    // A debt may be larger than the limit.
    while denied && passes(&throttle, CLIENT) {}
    marked(decisions, || passes(black_box(&throttle), black_box(CLIENT)))
}

/// How many of the decisions pass, where the state is a list. By a clock that is set by hand, so that the list has ten
/// entries at each decision, however fast the process is.
fn list(kind: &Kind, denied: bool, decisions: u64) -> u64 {
    let clock = ManualClock::new();
    let memory = Memory::builder().clock(clock.clone()).build();
    let settings = (kind.set)(Settings::new().rate(Rate::per_minute(10)), 10);
    let throttle = memory::throttle(Hidden(memory), settings);
    let next = |tick| {
        clock.advance(tick);
        passes(black_box(&throttle), black_box(CLIENT))
    };
    let tick = Duration::from_secs(if denied { 0 } else { 6 });
    // Until the list is full.
    (0..20).for_each(|number| {
        next(if number < 10 { Duration::from_millis(3) } else { tick });
    });
    marked(decisions, || next(tick))
}

/// How many of the decisions between two marks pass.
fn marked(decisions: u64, decide: impl Fn() -> bool) -> u64 {
    (0..FIRST).for_each(|_| {
        decide();
    });
    mark();
    let passed = (0..decisions).filter(|_| decide()).count() as u64;
    mark();
    passed
}

#[inline]
fn passes(throttle: &Throttle, key: &str) -> bool {
    at_once(throttle.hit(key)).is_ok_and(|decision| decision.is_allowed())
}

/// Memory without its fast path: throttles take the way that they take to every other backend.
#[derive(Debug)]
struct Hidden(Memory);

impl Backend for Hidden {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        self.0.decide(charges, mode)
    }

    fn decide_at_once(&self, charges: &[Charge<'_>], mode: Mode) -> Option<Verdict> {
        self.0.decide_at_once(charges, mode)
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.0.refund(charges, at)
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.0.reset()
    }
}
