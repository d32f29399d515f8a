//! The same requests to Redis, to memory and to a model, with one clock: the answers are equal, to the
//! microsecond.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Strategy as Random;
use proptest::test_runner::{Config, TestRunner};
use throttle_runtime::backend::{Backend, Charge, Memory, Mode, Redis, Verdict};
use throttle_runtime::strategy::{Calendar, Class, Multiplier, Strategy, TimeOfDay};
use throttle_runtime::{Clock, Key, ManualClock, Quota, Rate};
use tokio::runtime::Runtime;

use crate::model::Model;
use crate::server::Server;
use crate::strategies::{Request, START, each, rate, schedule, stepping_schedule, strategy};

/// One request of a trace, by up to two clients together, and its refund.
#[derive(Debug, Clone)]
struct Event {
    request: Request,
    /// The clients that are charged. Of several, all are charged or none.
    clients: Vec<u8>,
    mode: Mode,
    /// The time after which it is refunded, if it is refunded.
    refund: Option<u64>,
}

/// Requests in sequence.
#[derive(Debug, Clone)]
struct Trace {
    /// Whether the clock never steps back. Memory removes expired states at any time, which shows if the clock
    /// steps back.
    is_steady: bool,
    events: Vec<Event>,
    /// The unit of which the costs are multiples.
    unit: u64,
}

fn traces() -> impl Random<Value = Trace> {
    let steady = schedule().prop_map(|requests| (true, requests));
    let stepping = stepping_schedule().prop_map(|requests| (false, requests));
    let requests = prop_oneof![steady, stepping];
    let rest = (prop::collection::vec(0..3_u8, 1..3), 0..10_u8, prop::option::weighted(0.1, 0..300_000_u64));
    let unit = prop_oneof![4 => Just(1_u64), 1 => 1..3_000_000_000_u64];
    (requests, prop::collection::vec(rest, 150), unit).prop_map(|((is_steady, requests), rests, unit)| {
        let event = |(request, (clients, mode, refund)): (Request, (Vec<u8>, u8, Option<u64>))| {
            let mode = if mode == 0 { Mode::Peek } else { Mode::Consume };
            Event { request, clients, mode, refund }
        };
        Trace { is_steady, unit, events: requests.into_iter().zip(rests).map(event).collect() }
    })
}

/// Small rates, and typical rates.
fn rates() -> impl Random<Value = Vec<Rate>> {
    let written = [
        "100/min",
        "1000/hour",
        "1000000/day",
        "7/s",
        "3/ms",
        "9000000000/min",
        "999983/week",
        "18446744073709551615/s",
    ];
    let written = prop::sample::select(written.map(|rate| rate.parse().expect("a rate")).to_vec());
    prop::collection::vec(prop_oneof![4 => rate(), 1 => written, 1 => Just(Rate::UNLIMITED)], 1..4)
}

pub(crate) type Answer = Result<Verdict, TestCaseError>;

pub(crate) fn decide(runtime: &Runtime, backend: &dyn Backend, charges: &[Charge<'_>], mode: Mode) -> Answer {
    runtime.block_on(backend.decide(charges, mode)).map_err(|error| TestCaseError::fail(format!("{error:?}")))
}

fn fits(verdict: &Verdict) -> bool {
    verdict.quotas.iter().all(Quota::fits)
}

/// Returns the longest wait, if all waits are finite.
fn wait(verdict: &Verdict) -> Option<Duration> {
    verdict.quotas.iter().filter_map(Quota::retry_after).max()
}

pub(crate) struct Pair {
    pub(crate) runtime: Runtime,
    pub(crate) redis: Redis,
    memory: Memory,
    pub(crate) clock: ManualClock,
    /// Whether denials are cached.
    remembers: bool,
}

impl Pair {
    pub(crate) fn new(server: &Server, remembers: bool) -> Self {
        let clock = ManualClock::at(START);
        let redis =
            server.builder().remember_denied(remembers).clock(clock.clone()).build().expect("a backend");
        let memory = Memory::builder().clock(clock.clone()).build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(redis.initialize()).expect("a connection");
        Self { runtime, redis, memory, clock, remembers }
    }

    fn replay(
        &self,
        scope: &str,
        strategy: &dyn Strategy,
        rates: &[Rate],
        trace: &Trace,
    ) -> Result<(), TestCaseError> {
        let mut model = Model::default();
        for (index, event) in trace.events.iter().enumerate() {
            let Request { gap, cost, class, load } = event.request;
            let cost = cost * trace.unit;
            self.clock.set(self.clock.now().saturating_add_signed(gap));
            let keys: Vec<Key> = event.clients.iter().map(|client| Key::from(*client)).collect();
            let charge = |key| {
                let mut charge = Charge::new(scope, key, strategy, rates, cost);
                charge.class = class;
                charge.load = load;
                charge
            };
            let charges: Vec<Charge<'_>> = keys.iter().map(charge).collect();
            let there = decide(&self.runtime, &self.redis, &charges, event.mode)?;
            let here = model.decide(&charges, event.mode, self.clock.now());
            if self.remembers && !fits(&here) {
                prop_assert!(!fits(&there), "at event {index}: {event:?}");
                // By the state at the first denial. Others may have taken more since.
                if charges.len() == 1 {
                    prop_assert!(wait(&there) <= wait(&here), "at event {index}: {event:?}");
                }
                continue;
            }
            prop_assert_eq!(&there, &here, "at event {}: {:?}", index, event);
            if trace.is_steady && !self.remembers {
                let memory = decide(&self.runtime, &self.memory, &charges, event.mode)?;
                prop_assert_eq!(&there, &memory, "in memory at event {}: {:?}", index, event);
            }
            let charged = event.mode == Mode::Consume && cost > 0 && fits(&here);
            if let Some(elapsed) = event.refund.filter(|_| charged) {
                self.clock.set(self.clock.now() + elapsed);
                self.runtime.block_on(self.redis.refund(&charges, there.at)).expect("a refund");
                model.refund(&charges, here.at, self.clock.now());
                if trace.is_steady && !self.remembers {
                    self.runtime.block_on(self.memory.refund(&charges, here.at)).expect("a refund");
                }
            }
        }
        Ok(())
    }
}

/// In random order, so that the states of one strategy do not affect the next.
fn replay_random(cases: u32, remembers: bool) {
    let server = Server::start();
    let pair = Pair::new(&server, remembers);
    let scopes = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let result = runner.run(&(strategy(), rates(), traces()), |(strategy, rates, trace)| {
        scopes.set(scopes.get() + 1);
        // After a clock has stepped back, an earlier denial says nothing.
        prop_assume!(trace.is_steady || !remembers);
        pair.clock.set(START);
        pair.replay(&format!("t{}", scopes.get()), &*strategy, &rates, &trace)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn scripts_decide_what_strategies_decide() {
    replay_random(cases(1_000), false);
}

#[test]
fn what_is_remembered_as_denied_is_denied() {
    replay_random(cases(200), true);
}

/// Scripts decide if the numbers are small enough for Lua. Otherwise, this process decides.
#[test]
fn f48_the_largest_values_are_decided_as_in_memory() {
    let server = Server::start();
    let pair = Pair::new(&server, false);
    // Lua supports periods below 2^50 microseconds: 13031 days.
    let periods = [Rate::MAX_PERIOD, Duration::from_hours(24 * 13_031), Duration::from_millis(1)];
    let limits = [1, 2, 1 << 14, 1 << 31, (1 << 49) - 1, 1 << 53, u64::MAX - 1, u64::MAX];
    for (number, strategy) in each().into_iter().enumerate() {
        for (period, limit) in periods.iter().flat_map(|period| limits.map(|limit| (*period, limit))) {
            let rate = Rate::new(limit, period).expect("a rate");
            let (third, half) = (rate.period_micros() / 3, rate.period_micros() / 2);
            let costs = [0, u64::MAX, 1, limit, u64::MAX, limit / 2 + 1, u64::MAX, limit, 1];
            let gaps = [0, 0, 0, 0, 1, third, 0, half, half];
            let event = |(gap, cost): (u64, u64)| Event {
                request: Request::new(gap.cast_signed(), cost),
                clients: vec![1],
                mode: Mode::Consume,
                refund: (cost == 1).then_some(third),
            };
            let events = gaps.into_iter().zip(costs).map(event).collect();
            pair.clock.set(START);
            let scope = format!("{number}/{rate}");
            pair.replay(&scope, &*strategy, &[rate], &Trace { is_steady: true, unit: 1, events })
                .unwrap_or_else(|error| panic!("{rate} by {strategy:?}: {error}"));
        }
    }
}

/// Returns the number of cases, which the environment can override.
pub(crate) fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

/// Scripts contain the limits of the hours around now, each until its last microsecond.
#[test]
fn hours_begin_at_the_same_microsecond() {
    let server = Server::start();
    let pair = Pair::new(&server, false);
    let hour = 3_600_000_000;
    let to_the_hour = i64::try_from(hour - START % hour).expect("a time");
    let event =
        |gap| Event { request: Request::new(gap, 8), clients: vec![1], mode: Mode::Consume, refund: None };
    let events = [to_the_hour - 2, 1, 1, 1].map(event).to_vec();
    // The server was probed by scripts, which are not counted.
    let () = server.ask("CONFIG RESETSTAT");
    let night = TimeOfDay::in_zone("UTC").window(1, 2, Multiplier::new(3));
    let trace = Trace { is_steady: true, unit: 1, events };
    pair.replay("t", &night, &[Rate::per_day(10)], &trace).expect("the same");
    assert_eq!((server.calls("evalsha"), server.calls("eval")), (4, 0), "by a script each time");
}

/// Scripts contain the calendar windows around now, each until its last microsecond. Here the windows are days,
/// across a night in which clocks are put forward.
#[test]
fn days_end_at_the_same_microsecond() {
    let server = Server::start();
    let pair = Pair::new(&server, false);
    // 29 March 2026 in Berlin has 23 hours.
    let (night, day) = (1_774_738_800_000_000 - START.cast_signed(), 23 * 3_600_000_000);
    let event =
        |gap| Event { request: Request::new(gap, 4), clients: vec![1], mode: Mode::Consume, refund: None };
    let events = [night - 2, 1, 1, 1, day - 3, 1, 1, 1].map(event).to_vec();
    let trace = Trace { is_steady: true, unit: 1, events };
    // The server was probed by scripts, which are not counted.
    let () = server.ask("CONFIG RESETSTAT");
    let berlin = Calendar::in_zone("Europe/Berlin");
    pair.replay("t", &berlin, &[Rate::per_day(10)], &trace).expect("the same");
    assert_eq!((server.calls("evalsha"), server.calls("eval")), (8, 0), "by a script each time");
}

#[test]
fn classes_reach_the_script() {
    let server = Server::start();
    let pair = Pair::new(&server, false);
    let event = Event {
        request: Request { class: Class::new("premium"), ..Request::new(0, 30) },
        clients: vec![1],
        mode: Mode::Consume,
        refund: None,
    };
    // The server was probed by scripts, which are not counted.
    let () = server.ask("CONFIG RESETSTAT");
    let tiers = throttle_runtime::strategy::TieredRate::new();
    pair.replay(
        "t",
        &tiers,
        &[Rate::per_minute(10)],
        &Trace { is_steady: true, unit: 1, events: vec![event.clone(), event] },
    )
    .expect("the same");
    assert_eq!((server.calls("evalsha"), server.calls("eval")), (2, 0), "by a script each time");
}
