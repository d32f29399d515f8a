//! Counters make the same decisions as records and memory, for any requests, and if processes die.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use throttle_runtime::backend::{Backend, Charge, Memory, Mode, StoreBackend, Verdict};
use throttle_runtime::strategy::{Class, FixedWindow, Strategy, TieredRate};
use throttle_runtime::{Key, ManualClock, Quota, Rates};

use super::taken_back::TakenBack;
use crate::dict::Dict;

/// One request, and its refund.
#[derive(Debug, Clone)]
struct Event {
    /// Milliseconds since the previous request.
    gap: u64,
    /// The clients that are charged: all or none.
    clients: Vec<u8>,
    cost: u64,
    limit: usize,
    premium: bool,
    mode: Mode,
    /// If it is refunded when it is charged, the time in between.
    refund: Option<u64>,
    /// Whether the clients are reset before the request.
    resets: bool,
}

fn events() -> impl proptest::strategy::Strategy<Value = Vec<Event>> {
    let gap = prop_oneof![3 => 0..50_u64, 2 => 0..20_000_u64, 1 => 0..130_000_u64];
    let clients = prop::collection::vec(0..3_u8, 1..3);
    let cost = prop_oneof![6 => 1..5_u64, 1 => 0..30_u64, 1 => Just(u64::MAX)];
    let rest = (0..3_usize, any::<bool>(), 0..8_u8, prop::option::weighted(0.2, 0..70_000_u64), 0..20_u8);
    let event = (gap, clients, cost, rest).prop_map(
        |(gap, clients, cost, (limit, premium, mode, refund, resets))| {
            let mode = if mode == 0 { Mode::Peek } else { Mode::Consume };
            Event { gap, clients, cost, limit, premium, mode, refund, resets: resets == 0 }
        },
    );
    prop::collection::vec(event, 1..80)
}

/// Creates a backend with a clock.
type Make<'a> = &'a dyn Fn(&ManualClock) -> Box<dyn Backend>;

/// Returns the verdicts of the events in sequence.
async fn answers(
    backend: &dyn Backend,
    clock: &ManualClock,
    strategy: &dyn Strategy,
    events: &[Event],
) -> Vec<Verdict> {
    let limits: [Rates; 3] = ["10/min", "7/min", "20/min"].map(|rates| rates.parse().expect("rates"));
    let mut answers = Vec::new();
    for event in events {
        clock.advance(Duration::from_millis(event.gap));
        let keys: Vec<Key> = event.clients.iter().map(|client| Key::from(*client)).collect();
        let charge = |key| {
            let mut charge = Charge::new("s", key, strategy, &limits[event.limit], event.cost);
            charge.class = if event.premium { Class::new("premium") } else { Class::NONE };
            charge
        };
        let charges: Vec<_> = keys.iter().map(charge).collect();
        if event.resets {
            backend.forget(&charges).await.expect("reset");
        }
        let verdict = backend.decide(&charges, event.mode).await.expect("a verdict");
        let charged = event.mode == Mode::Consume && verdict.quotas.iter().all(Quota::fits);
        if let Some(later) = event.refund.filter(|_| charged) {
            clock.advance(Duration::from_millis(later));
            backend.refund(&charges, verdict.at).await.expect("refunded");
        }
        answers.push(verdict);
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn f60_counters_decide_what_memory_decides(events in events(), tiers: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let tiered = TieredRate::new();
        let strategy: &dyn Strategy = if tiers { &tiered } else { &FixedWindow };
        let run = |make: Make<'_>| {
            let clock = ManualClock::new();
            let backend = make(&clock);
            runtime.block_on(answers(&*backend, &clock, strategy, &events))
        };
        let expected = run(&|clock| Box::new(Memory::builder().clock(clock.clone()).build()));
        let others: [Make<'_>; 5] = [
            &|clock| Box::new(StoreBackend::new(Dict::<false, true>::at(clock)).clock(clock.clone())),
            &|clock| Box::new(StoreBackend::new(Dict::<true, true>::at(clock)).clock(clock.clone())),
            &|clock| Box::new(StoreBackend::new(Dict::<false, false>::at(clock)).clock(clock.clone())),
            &|clock| Box::new(StoreBackend::new(Dict::<true, false>::at(clock)).clock(clock.clone())),
            &|clock| Box::new(StoreBackend::new(TakenBack::at(clock)).clock(clock.clone())),
        ];
        for (index, other) in others.into_iter().enumerate() {
            prop_assert_eq!(&run(other), &expected, "store {}", index);
        }
    }
}

/// Concurrent requests of several costs, with one and with two identities: the limit is not exceeded, and no
/// request is denied that would have fitted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f60_concurrent_costs_fill_the_limit_and_do_not_exceed_it() {
    fills::<false>().await;
    fills::<true>().await;
}

async fn fills<const COMPARES: bool>() {
    let rates: Rates = "20/day".parse().expect("rates");
    for round in 0..20 {
        let clock = ManualClock::new();
        let store = Arc::new(Dict::<COMPARES, true>::at(&clock));
        let tasks = (0..4_u64).map(|task| {
            let stored = StoreBackend::shared(Arc::clone(&store)).clock(clock.clone());
            tokio::spawn(async move {
                let (mut admitted, mut denied) = (0, u64::MAX);
                for step in 0..6 {
                    let cost = 1 + (task + step + round) % 4;
                    let keys = [Key::from("a"), Key::from(format!("b{task}"))];
                    let charge = |key| Charge::new("s", key, &FixedWindow, &rates, cost);
                    let charges = keys.each_ref().map(charge);
                    let paying = if step % 3 == 2 { &charges[..] } else { &charges[..1] };
                    let verdict = stored.decide(paying, Mode::Consume).await.expect("a verdict");
                    let fits = verdict.quotas.iter().all(Quota::fits);
                    (admitted, denied) =
                        if fits { (admitted + cost, denied) } else { (admitted, denied.min(cost)) };
                }
                (admitted, denied)
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let (mut admitted, mut denied) = (0, u64::MAX);
        for task in tasks {
            let (units, least) = task.await.expect("no panic");
            (admitted, denied) = (admitted + units, denied.min(least));
        }
        assert!(admitted <= 20, "{admitted} of 20");
        assert!(admitted.saturating_add(denied) > 20, "{denied} denied although {admitted} of 20 were used");
        let stored = StoreBackend::shared(store).clock(clock.clone());
        let key = Key::from("a");
        let left = stored.decide(&[Charge::new("s", &key, &FixedWindow, &rates, 0)], Mode::Peek).await;
        assert_eq!(left.expect("a verdict").quotas[0].remaining(), 20 - admitted);
    }
}

/// A process that dies in the middle of a decision on two identities has charged both or none, as others see it
/// three seconds later, and locks no client out.
#[test]
fn f60_a_holder_that_dies_keeps_nobody_out() {
    let mut charged = [0; 3];
    for steps in 0..60 {
        let counts = dies::<false>(steps);
        charged[usize::try_from(counts).expect("few")] += 1;
        dies::<true>(steps);
    }
    assert!(charged[0] > 0 && charged[2] > 0, "{charged:?}");
}

/// Returns how many of two identities are charged.
fn dies<const COMPARES: bool>(steps: usize) -> u64 {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let clock = ManualClock::new();
    let store = Arc::new(Dict::<COMPARES, true>::at(&clock));
    let stored = || StoreBackend::shared(Arc::clone(&store)).clock(clock.clone());
    let rates: Rates = "5/day".parse().expect("rates");
    let keys = [Key::from("a"), Key::from("b")];
    let charges = keys.each_ref().map(|key| Charge::new("s", key, &FixedWindow, &rates, 1));
    let (first, dying) = (stored(), runtime());
    dying.block_on(async {
        let mut decision = first.decide(&charges, Mode::Consume);
        for _ in 0..steps {
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(std::pin::Pin::new(&mut decision).poll(context).is_ready())
            });
            if polled.await {
                break;
            }
            tokio::task::yield_now().await;
        }
        std::mem::forget(decision);
    });
    // All of its tasks end at their current step.
    drop(dying);
    clock.advance(Duration::from_secs(3));
    runtime().block_on(async {
        let stored = stored();
        let mut left = Vec::new();
        for charge in charges.chunks(1) {
            let mut admitted = 0;
            while stored
                .decide(charge, Mode::Consume)
                .await
                .expect("a verdict")
                .quotas
                .iter()
                .all(Quota::fits)
            {
                admitted += 1;
            }
            left.push(5 - admitted);
        }
        assert!(left.iter().all(|charged| *charged <= 1), "after {steps} steps {left:?} are charged");
        left.iter().sum()
    })
}

/// A window may end while a decision on two identities reads or waits. The decision then counts in the window in
/// which it is made.
#[tokio::test]
async fn f60_a_decision_counts_in_the_window_in_which_it_is_made() {
    let mut later = [0; 2];
    for steps in 0..40 {
        later[0] += u32::from(ends_meanwhile::<false>(steps).await);
        later[1] += u32::from(ends_meanwhile::<true>(steps).await);
    }
    assert!(later.iter().all(|count| *count > 1), "{later:?}");
}

/// Ends the window after this many steps of a decision. Returns whether the decision was made after that.
async fn ends_meanwhile<const COMPARES: bool>(steps: usize) -> bool {
    let (clock, rates): (_, Rates) = (ManualClock::new(), "1/min".parse().expect("rates"));
    let stored = StoreBackend::new(Dict::<COMPARES, true>::at(&clock)).clock(clock.clone());
    let keys = [Key::from("a"), Key::from("b")];
    let charges = keys.each_ref().map(|key| Charge::new("s", key, &FixedWindow, &rates, 1));
    let end = throttle_runtime::Clock::now(&clock).next_multiple_of(60_000_000);
    clock.set(end - 1);
    let mut decision = stored.decide(&charges, Mode::Consume);
    let mut answer = None;
    for _ in 0..steps {
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut decision).poll(context))
        });
        if let std::task::Poll::Ready(verdict) = polled.await {
            answer = Some(verdict);
            break;
        }
        tokio::task::yield_now().await;
    }
    clock.set(end);
    let verdict = match answer {
        Some(verdict) => verdict,
        None => decision.await,
    };
    let is_later = verdict.expect("a verdict").at >= end;
    for charge in charges.chunks(1) {
        let next = stored.decide(charge, Mode::Consume).await.expect("a verdict");
        assert_eq!(next.quotas.iter().all(Quota::fits), !is_later, "after {steps} steps");
    }
    is_later
}

/// Windows start again, and a clock that steps back finds the earlier windows.
#[tokio::test]
async fn f60_a_clock_that_steps_back_finds_the_window_that_was() {
    let (clock, rates): (_, Rates) = (ManualClock::new(), "3/min".parse().expect("rates"));
    let stored = StoreBackend::new(Dict::<false, true>::at(&clock)).clock(clock.clone());
    let key = Key::from("a");
    let take = async || {
        let charge = [Charge::new("s", &key, &FixedWindow, &rates, 1)];
        stored.decide(&charge, Mode::Consume).await.expect("a verdict").quotas[0]
    };
    for left in [2, 1, 0] {
        assert_eq!(take().await.remaining(), left);
    }
    let denied = take().await;
    assert_eq!((denied.fits(), denied.remaining()), (false, 0));
    let wait = denied.retry_after().expect("a wait");
    clock.advance(wait.checked_sub(Duration::from_micros(1)).expect("more than a tick"));
    assert!(!take().await.fits());
    clock.advance(Duration::from_micros(1));
    assert_eq!(take().await.remaining(), 2);
    let now = throttle_runtime::Clock::now(&clock);
    clock.set(now - 1_000_000);
    assert!(!take().await.fits(), "the window before is full");
    clock.set(now);
    assert_eq!(take().await.remaining(), 1);
}
