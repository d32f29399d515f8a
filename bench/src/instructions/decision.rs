//! Decisions: each strategy, on each path through the memory backend, allowed and denied.

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

use super::{Counter, FIRST, Instructions};
use crate::mark::mark;
use crate::ours;
use crate::poll::at_once;
use crate::report::{OURS, Record};

/// A cell: `decision/STRATEGY/OUTCOME/WAY`.
pub(super) struct Cell {
    strategy: &'static str,
    outcome: &'static str,
    way: &'static str,
    name: String,
}

/// A strategy, with its name in the cells.
struct Kind {
    name: &'static str,
    /// Whether the memory backend has a fast path for the strategy.
    is_fast: bool,
    /// Whether the strategy can store a list of requests.
    is_list: bool,
    /// Whether the number of instructions depends on the hour and the day.
    is_local: bool,
    /// Sets the strategy in settings whose rate has the given limit.
    set: fn(Settings, u64) -> Settings,
}

impl Kind {
    const fn fast(name: &'static str, set: fn(Settings, u64) -> Settings) -> Self {
        Self { name, is_fast: true, is_list: false, is_local: false, set }
    }

    const fn general(name: &'static str, set: fn(Settings, u64) -> Settings) -> Self {
        Self { is_fast: false, ..Self::fast(name, set) }
    }

    const fn local(name: &'static str, set: fn(Settings, u64) -> Settings) -> Self {
        Self { is_local: true, ..Self::general(name, set) }
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
    Kind::local("time-of-day", |settings, _| settings.strategy(TimeOfDay::office_hours("UTC"))),
    Kind::local("calendar", |settings, _| settings.strategy(Calendar::in_zone("UTC"))),
    Kind::list("sliding-window-log", |settings, _| settings.strategy(SlidingWindowLog)),
    Kind::list("priority-queue", |settings, _| settings.strategy(PriorityQueue::new())),
    Kind::list("leaky-bucket-queue", |settings, _| settings.strategy(LeakyBucketQueue::new())),
];

/// The memory backend decides without a lock.
const FAST: &str = "fast";
/// The memory backend decides under page locks, through the trait that all backends implement.
const GENERAL: &str = "general";
const ALLOWED: &str = "allowed";
const DENIED: &str = "denied";

/// Returns all cells that `wanted` selects.
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
    pub(super) fn count(&self, counter: &Counter) -> Result<Record<Instructions>, Box<dyn Error>> {
        let decisions = counter.many.to_string();
        let part = ["decide", self.strategy, self.outcome, self.way, &decisions];
        counter.count((&self.name, OURS), |callgrind| callgrind.start(&part)?.between_marks())
    }
}

/// The key of the decisions.
const CLIENT: &str = "user:000618033988749";

/// Makes `decisions` decisions for one key, between two marks.
///
/// # Errors
///
/// Fails if there is no such strategy, or if a decision differs from `outcome`.
pub(crate) fn decide(strategy: &str, outcome: &str, way: &str, decisions: u64) -> Result<(), Box<dyn Error>> {
    let kind = KINDS.into_iter().find(|kind| kind.name == strategy).ok_or("no such strategy")?;
    let denied = outcome == DENIED;
    let passed =
        if kind.is_list { list(&kind, denied, decisions) } else { word(&kind, denied, way, decisions) };
    let expected = if denied { 0 } else { decisions };
    if passed == expected { Ok(()) } else { Err(format!("{passed} of {decisions} decisions passed").into()) }
}

/// The time of all decisions by local time, in microseconds since the epoch: 2026-01-05 10:00 UTC.
const MORNING: u64 = 1_767_607_200_000_000;

/// Returns how many decisions are allowed, for strategies whose state is a number. Uses the system clock, unless
/// the strategy decides by local time.
fn word(kind: &Kind, denied: bool, way: &str, decisions: u64) -> u64 {
    // Half of the limit is consumed first, so that the state does not expire between two decisions.
    let (limit, first) = if denied { (1, 1) } else { (1_000_000, 500_000) };
    let settings = (kind.set)(Settings::new().rate(Rate::per_day(limit)), limit);
    let memory = Memory::builder();
    let memory = if kind.is_local { memory.clock(ManualClock::at(MORNING)) } else { memory }.build();
    let throttle =
        if way == FAST { ours::throttle(memory, settings) } else { ours::throttle(Hidden(memory), settings) };
    let _ = at_once(throttle.hit(Hit::from(CLIENT).cost(first)));
    // The debt of a strategy with debt may be larger than the limit.
    while denied && passes(&throttle, CLIENT) {}
    marked(decisions, || passes(black_box(&throttle), black_box(CLIENT)))
}

/// Returns how many decisions are allowed, for strategies whose state is a list. Uses a manual clock, so that
/// the list has ten entries at each decision, however fast the process runs.
fn list(kind: &Kind, denied: bool, decisions: u64) -> u64 {
    let clock = ManualClock::new();
    let memory = Memory::builder().clock(clock.clone()).build();
    let settings = (kind.set)(Settings::new().rate(Rate::per_minute(10)), 10);
    let throttle = ours::throttle(Hidden(memory), settings);
    let next = |tick| {
        clock.advance(tick);
        passes(black_box(&throttle), black_box(CLIENT))
    };
    let tick = Duration::from_secs(if denied { 0 } else { 6 });
    // Fill the list.
    (0..20).for_each(|number| {
        next(if number < 10 { Duration::from_millis(3) } else { tick });
    });
    marked(decisions, || next(tick))
}

/// Returns how many decisions between two marks are allowed.
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

/// The memory backend without its fast path: throttles call it like any other backend.
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
