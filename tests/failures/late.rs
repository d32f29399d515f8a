//! A store that becomes slow: replies that arrive in time, and replies that arrive after the fallback has taken
//! over.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use throttle::backend::{Backend, Charge, Memory, Mode, Reply, Verdict};
use throttle::strategy::{SlidingWindowLog, TokenBucket};
use throttle::{
    CircuitBreaker, Decision, DecisionReason, Hit, ManualClock, NowOrLater, Recovery, Registry, Settings,
    Throttle, failover, fallback, registry,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// The fate of one decision of the store.
#[derive(Debug, Clone)]
enum Fate {
    /// The decision reaches the store, whose reply arrives on notification.
    Late(Arc<Notify>),
    /// The decision never reaches the store.
    Lost,
}

/// A store that replies immediately, unless its next decisions have another fate.
#[derive(Debug, Clone)]
struct Told {
    memory: Arc<Memory>,
    fates: Arc<Mutex<VecDeque<Fate>>>,
}

impl Backend for Told {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        match self.fates.lock().expect("a lock").pop_front() {
            None => self.memory.decide(charges, mode),
            Some(Fate::Lost) => NowOrLater::later(std::future::pending()),
            Some(Fate::Late(told)) => {
                let answer = self.memory.decide(charges, mode);
                NowOrLater::later(async move {
                    told.notified().await;
                    answer.await
                })
            }
        }
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.memory.refund(charges, at)
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.memory.reset()
    }
}

struct World {
    store: Told,
    clock: ManualClock,
    _registry: Registry,
    throttle: Throttle,
    other: Throttle,
}

const DEADLINE: Duration = Duration::from_millis(50);

impl World {
    async fn new(on_error: Recovery, settings: Settings) -> Self {
        let clock = ManualClock::new();
        let memory = || Memory::builder().clock(clock.clone()).build();
        let store = Told { memory: Arc::new(memory()), fates: Arc::default() };
        let registry = registry().backend("store", store.clone()).backend("memory", memory());
        let registry = registry.clock(clock.clone()).build().await.expect("a registry");
        let settings = settings.backend("store").timeout(DEADLINE).on_error(on_error);
        let throttle = registry.create("api", settings.clone()).expect("settings that work");
        let other = registry.create("other", settings).expect("settings that work");
        Self { store, clock, _registry: registry, throttle, other }
    }

    async fn hit(&self) -> Decision {
        self.throttle.hit("a").await.expect("a decision")
    }

    fn send(&self, fate: Fate, cost: u64) -> JoinHandle<Decision> {
        self.store.fates.lock().expect("a lock").push_back(fate);
        let throttle = self.throttle.clone();
        tokio::spawn(async move { throttle.hit(Hit::new("a").cost(cost)).await.expect("a decision") })
    }

    /// Sends one request that never reaches the store, and then `late` requests. The replies to those arrive
    /// after the fallback has taken over and before their own deadline. Returns how much of them was admitted.
    async fn slow(&self, late: &[u64]) -> u64 {
        let lost = self.send(Fate::Lost, 1);
        sleep(DEADLINE / 2).await;
        let answers: Vec<_> = late
            .iter()
            .map(|cost| {
                let told = Arc::new(Notify::new());
                (*cost, self.send(Fate::Late(Arc::clone(&told)), *cost), told)
            })
            .collect();
        sleep(DEADLINE * 3 / 4).await;
        let mut admitted = u64::from(lost.await.expect("no panic").is_allowed());
        for (cost, answer, told) in answers {
            told.notify_one();
            admitted += cost * u64::from(answer.await.expect("no panic").is_allowed());
        }
        admitted
    }

    /// Sends one request that never reaches the store and that the fallback admits, and then one whose reply is
    /// late. Returns the second one, and what lets its reply arrive.
    async fn late_after_lost(&self) -> (JoinHandle<Decision>, Arc<Notify>) {
        let told = Arc::new(Notify::new());
        let lost = self.send(Fate::Lost, 1);
        sleep(DEADLINE / 2).await;
        let late = self.send(Fate::Late(Arc::clone(&told)), 1);
        sleep(DEADLINE * 3 / 4).await;
        assert!(lost.await.expect("no panic").is_allowed());
        (late, told)
    }

    /// Returns how much is admitted until the store and its fallback deny, at one moment.
    async fn rest(&self) -> u64 {
        let mut admitted = 0;
        while self.hit().await.is_allowed() {
            admitted += 1;
        }
        admitted
    }
}

#[tokio::test(start_paused = true)]
async fn f32_a_late_answer_is_not_admitted_in_addition_to_the_fallback() {
    let world = World::new(fallback("memory"), Settings::new().rate("2/min")).await;
    assert!(world.hit().await.is_allowed());
    assert_eq!(world.slow(&[1]).await, 1, "the fallback has admitted the second, so the late one is denied");
    assert_eq!(world.rest().await, 0);
    assert_eq!(world.throttle.quotas("a").await.expect("a decision").remaining(), Some(0));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.rest().await, 2, "a new window");
}

#[tokio::test(start_paused = true)]
async fn f32_a_late_answer_is_admitted_while_there_is_room_for_both() {
    let world = World::new(fallback("memory"), Settings::new().rate("10/min")).await;
    assert!(world.hit().await.is_allowed());
    assert_eq!(world.slow(&[1, 2, 3]).await, 7);
    assert_eq!(world.rest().await, 2, "ten in all");
}

#[tokio::test(start_paused = true)]
async fn f32_the_limit_holds_whatever_arrives_late() {
    let own: [(&str, Settings); 5] = [
        ("a window", Settings::new().rate("10/min")),
        ("a bucket", Settings::new().rate("10/min").strategy(TokenBucket::default())),
        ("a log", Settings::new().rate("10/min").strategy(SlidingWindowLog)),
        ("two limits", Settings::new().rate("100/hour, 10/min")),
        ("a large cost", Settings::new().rate("10/min")),
    ];
    for (what, settings) in own {
        for before in 0..=10 {
            for late in [&[1][..], &[1, 1, 1], &[5, 1], &[9], &[10], &[3, 3, 3, 3]] {
                let world = World::new(fallback("memory"), settings.clone()).await;
                for _ in 0..before {
                    assert!(world.hit().await.is_allowed());
                }
                let admitted = before + world.slow(late).await + world.rest().await;
                assert!(admitted <= 10, "{what}: {admitted} after {before}, late {late:?}");
                assert!(
                    admitted >= 10 - late.iter().max().copied().unwrap_or(0),
                    "{what}: {admitted}, {late:?}"
                );
            }
        }
    }
}

/// The breaker opens while a request is in flight.
#[tokio::test(start_paused = true)]
async fn f32_a_late_answer_while_the_breaker_is_open_is_not_admitted_in_addition() {
    const ON_ERROR: Recovery = failover("memory", CircuitBreaker::new().failure_threshold(1)).retries(0);
    let world = World::new(ON_ERROR, Settings::new().rate("3/min")).await;
    assert!(world.hit().await.is_allowed());
    let (late, told) = world.late_after_lost().await;
    let open = world.hit().await;
    assert_eq!((open.is_allowed(), open.reason()), (true, DecisionReason::BreakerOpen));
    told.notify_one();
    assert!(!late.await.expect("no panic").is_allowed(), "three were admitted");
    assert_eq!(world.rest().await, 0);
}

/// The usage that the fallback has admitted is charged to the store before the late reply arrives.
#[tokio::test(start_paused = true)]
async fn f32_a_late_answer_after_the_payment_is_not_admitted_in_addition() {
    let world = World::new(fallback("memory"), Settings::new().rate("2/min")).await;
    assert!(world.hit().await.is_allowed());
    let (late, told) = world.late_after_lost().await;
    assert!(!world.hit().await.is_allowed(), "charges what is owed, and has nothing left");
    told.notify_one();
    assert!(!late.await.expect("no panic").is_allowed());
}

/// A decision of two throttles is denied as a whole, and the charge of the other throttle is refunded.
#[tokio::test(start_paused = true)]
async fn f32_a_late_answer_of_two_throttles_is_all_or_nothing() {
    let world = World::new(fallback("memory"), Settings::new().rate("2/min")).await;
    assert!(world.hit().await.is_allowed());
    let lost = world.send(Fate::Lost, 1);
    sleep(DEADLINE / 2).await;
    let told = Arc::new(Notify::new());
    world.store.fates.lock().expect("a lock").push_back(Fate::Late(Arc::clone(&told)));
    let (first, second) = (world.throttle.clone(), world.other.clone());
    let both = tokio::spawn(async move {
        let mut transaction = first.transaction("a").and(&second, "a");
        transaction.charge(1);
        transaction.commit().await.expect("a decision")
    });
    sleep(DEADLINE * 3 / 4).await;
    assert!(lost.await.expect("no panic").is_allowed());
    told.notify_one();
    assert!(!both.await.expect("no panic").is_allowed());
    assert_eq!(world.other.quotas("a").await.expect("a decision").remaining(), Some(2));
}

/// The fallback cannot start from a reply that arrives while a payment is in progress. Earlier, a request that
/// did not fit this reply ended in an error.
#[tokio::test(start_paused = true)]
async fn f32_an_answer_during_a_payment_denies_what_it_has_no_room_for() {
    let world = World::new(fallback("memory"), Settings::new().rate("3/min")).await;
    assert!(world.hit().await.is_allowed());
    let lost = world.send(Fate::Lost, 1);
    sleep(DEADLINE / 2).await;
    let told = Arc::new(Notify::new());
    let late = world.send(Fate::Late(Arc::clone(&told)), 2);
    sleep(DEADLINE * 3 / 4).await;
    assert_eq!(lost.await.expect("no panic").reason(), DecisionReason::Fallback);
    let paying = world.send(Fate::Lost, 1);
    sleep(DEADLINE / 10).await;
    told.notify_one();
    assert!(late.await.expect("no panic").is_throttled());
    let denied = world.hit().await;
    assert_eq!(
        (denied.reason(), denied.is_throttled(), denied.remaining()),
        (DecisionReason::Fallback, true, Some(0))
    );
    assert_eq!(denied.retry_after(), Some(Duration::from_secs(60)));
    let admitted = u64::from(paying.await.expect("no panic").is_allowed()) + world.rest().await;
    assert!(admitted <= 1, "three in all: {admitted}");
}
