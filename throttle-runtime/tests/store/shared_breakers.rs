//! Breakers that instances share through a store, with a clock that the tests advance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use throttle_runtime::backend::{Backend, Store, StoreBackend};
use throttle_runtime::breaker::State;
use throttle_runtime::{CircuitBreaker, DecisionReason, ManualClock, Settings, failover, registry};
use tokio::time::sleep;

use crate::dict::Dict;
use crate::instances::{BREAKER, HOUR, Instance, eventually};
use crate::lossy::Lossy;

struct Service {
    /// The clock of the store.
    clock: ManualClock,
    store: Arc<Dict<false>>,
}

impl Service {
    fn new() -> Self {
        let clock = ManualClock::new();
        Self { store: Arc::new(Dict::at(&clock)), clock }
    }

    fn coordination_store(&self) -> StoreBackend<Dict<false>> {
        StoreBackend::shared(Arc::clone(&self.store))
    }

    async fn pair(&self) -> [Instance; 2] {
        [Instance::new(self.coordination_store()).await, Instance::new(self.coordination_store()).await]
    }

    fn words(&self) -> usize {
        self.store.tables().values.len()
    }
}

/// Long enough for all instances to read the board twice.
async fn a_while() {
    sleep(Duration::from_secs(2)).await;
}

#[tokio::test(start_paused = true)]
async fn b061_one_instance_opens_for_all_and_closes_for_all() {
    let service = Service::new();
    let [a, b] = service.pair().await;
    b.primary.calls();
    a.open().await;
    sleep(Duration::from_millis(501)).await;
    assert_eq!(b.state(), State::Open);
    b.assert_spared(&b.hits(100).await);
    a.close().await;
    sleep(Duration::from_millis(501)).await;
    assert!(b.may_probe());
    assert_eq!((b.hit().await, b.state(), service.words()), (DecisionReason::Backend, State::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn b061_an_instance_that_starts_later_opens_too() {
    let service = Service::new();
    let [a, _b] = service.pair().await;
    a.open().await;
    a_while().await;
    drop(a);
    let c = Instance::new(service.coordination_store()).await;
    eventually(|| c.state() == State::Open).await;
}

#[tokio::test(start_paused = true)]
async fn who_opened_it_probes_first() {
    let service = Service::new();
    let [a, b] = service.pair().await;
    a.open().await;
    a_while().await;
    for clock in [&service.clock, &a.clock, &b.clock] {
        clock.advance(HOUR);
    }
    a_while().await;
    assert!(a.may_probe() && !b.may_probe());
    service.clock.advance(Duration::from_secs(2));
    a_while().await;
    assert!(b.may_probe());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_keeps_it_open_for_all() {
    let service = Service::new();
    let [a, b] = service.pair().await;
    a.open().await;
    a_while().await;
    a.clock.advance(HOUR);
    service.clock.advance(HOUR);
    assert_eq!((a.hit().await, a.state()), (DecisionReason::Fallback, State::Open));
    a_while().await;
    service.clock.advance(Duration::from_secs(10));
    b.clock.advance(HOUR);
    a_while().await;
    assert!(!b.may_probe());
    b.clock.advance(Duration::from_secs(2));
    assert!(b.may_probe(), "it goes on by its own clock where nobody says anything");
}

#[tokio::test(start_paused = true)]
async fn what_was_followed_is_neither_posted_nor_followed_again() {
    let service = Service::new();
    let [a, b] = service.pair().await;
    a.open().await;
    a_while().await;
    let until = |service: &Service| service.store.tables().values.values().map(|word| word.until).max();
    let first = until(&service);
    service.clock.advance(Duration::from_secs(5));
    a_while().await;
    assert_eq!((until(&service), service.words()), (first, 1));
    // The command of an operator takes precedence, and applies to this instance only.
    b.registry.breakers()[0].force_close();
    a_while().await;
    assert_eq!((a.state(), b.state(), service.words()), (State::Open, State::Closed, 1));
}

#[tokio::test(start_paused = true)]
async fn where_answers_are_lost_each_opening_is_followed_once_and_by_others() {
    let service = Service::new();
    let loses = Arc::new(AtomicBool::new(true));
    let a = Instance::new(Lossy { backend: service.coordination_store(), loses: Arc::clone(&loses) }).await;
    let b = Instance::new(service.coordination_store()).await;
    a.open().await;
    a_while().await;
    assert_eq!(b.state(), State::Open);
    b.registry.breakers()[0].force_close();
    a_while().await;
    assert_eq!(b.state(), State::Closed, "though it was posted again");
    a.close().await;
    loses.store(false, Ordering::Relaxed);
    a_while().await;
    assert_eq!((a.state(), service.words()), (State::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn a_board_that_has_forgotten_is_told_again() {
    let service = Service::new();
    let [a, b] = service.pair().await;
    a.open().await;
    a_while().await;
    service.store.tables().values.clear();
    a_while().await;
    assert_eq!((service.words(), b.state()), (1, State::Open));
}

#[tokio::test(start_paused = true)]
async fn of_two_that_open_at_once_one_probes_first() {
    let service = Service::new();
    let [a, b] = service.pair().await;
    a.open().await;
    b.open().await;
    a_while().await;
    for instance in [&a, &b] {
        instance.clock.advance(HOUR);
    }
    assert!(a.may_probe() != b.may_probe());
    assert_eq!(service.words(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_forced_on_one_instance_stays_there() {
    let service = Service::new();
    let [a, b] = service.pair().await;
    a.registry.breakers()[0].force_open();
    a_while().await;
    assert_eq!((b.state(), service.words()), (State::Closed, 0));
    b.open().await;
    a_while().await;
    assert_eq!(a.opened(), None, "still forced");
    a.registry.breakers()[0].force_close();
    a_while().await;
    assert_eq!(a.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn no_word_keeps_it_open_for_longer_than_it_says_itself() {
    let service = Service::new();
    let patient = Instance::new(service.coordination_store()).await;
    let hasty =
        Instance::with(service.coordination_store(), BREAKER.recovery_timeout(Duration::from_secs(1))).await;
    patient.open().await;
    a_while().await;
    assert!(!hasty.may_probe());
    hasty.clock.advance(Duration::from_secs(3));
    assert!(hasty.may_probe());
}

#[tokio::test(start_paused = true)]
async fn the_task_is_gone_when_the_registry_is() {
    let service = Service::new();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let [a, b] = service.pair().await;
    assert_eq!(tasks(), before + 2);
    drop(a);
    b.registry.close().await.expect("closed");
    a_while().await;
    assert_eq!(tasks(), before);
    b.hit().await;
    assert_eq!(tasks(), before);
    let lone = Instance::with(service.coordination_store(), CircuitBreaker::new().named("lone")).await;
    assert_eq!((lone.hit().await, tasks()), (DecisionReason::Backend, before), "nothing to share");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_ends_the_task_until_the_next_request() {
    let service = Service::new();
    let panics = BREAKER.on_transition(|change| assert!(!change.remote, "a fault"));
    let a = Instance::new(service.coordination_store()).await;
    let b = Instance::with(service.coordination_store(), panics).await;
    a.open().await;
    a_while().await;
    b.primary.calls();
    b.assert_spared(&b.hits(1).await);
    a.close().await;
    a_while().await;
    assert!(b.may_probe(), "the new task knows what the old one followed");
    assert_eq!(service.words(), 0);
}

#[tokio::test(start_paused = true)]
async fn services_of_other_namespaces_share_nothing() {
    let service = Service::new();
    let [a, _b] = service.pair().await;
    a.open().await;
    a_while().await;
    assert_eq!(service.words(), 1);
    let others = [
        Instance::of("other", service.coordination_store(), BREAKER).await,
        Instance::new(service.coordination_store().namespace("other")).await,
    ];
    a_while().await;
    assert!(others.iter().all(|other| other.state() == State::Closed));
}

#[tokio::test]
async fn b061_mistakes_are_found_at_the_start() {
    let service = Service::new();
    let registry =
        registry().backend("board", service.coordination_store()).build().await.expect("a registry");
    let problem = |breaker| {
        let settings = Settings::new().rate("1/s").backend("board").on_error(failover("memory", breaker));
        registry.create("guarded", settings).expect_err("a mistake").to_string()
    };
    let unnamed = problem(CircuitBreaker::new().shared("board"));
    assert!(unnamed.contains("write `.named(..)`"), "{unnamed}");
    let unknown = problem(BREAKER.shared("nowhere"));
    assert!(
        unknown.contains("shares its breaker through the backend \"nowhere\", which is not"),
        "{unknown}"
    );
    let unfit = problem(BREAKER.shared("memory"));
    assert!(unfit.contains("through \"memory\", which has no storage"), "{unfit}");
}

#[tokio::test]
async fn words_of_a_store_are_kept_until_their_time_is_over() {
    let service = Service::new();
    let stored = service.coordination_store();
    let board = stored.coordination_store().expect("a board");
    for (name, word) in [("a", 1), ("{b} \u{e4}\r\n", u64::MAX), ("", 0)] {
        board.put(name, 5, HOUR).await.expect("posted");
        board.put(name, word, Duration::from_secs(1)).await.expect("posted");
        assert_eq!(board.get(name).await.expect("an answer"), Some(word));
        service.clock.advance(Duration::from_secs(1));
        assert_eq!(board.get(name).await.expect("an answer"), None);
        board.put(name, word, HOUR).await.expect("posted");
        board.delete(name).await.expect("removed");
        assert_eq!(board.get(name).await.expect("an answer"), None);
        board.put(name, word, HOUR).await.expect("posted");
        let key = service.store.tables().values.keys().next().expect("one").clone();
        service.store.set(&key, "strange", None).await.expect("stored");
        assert_eq!(board.get(name).await.expect("an answer"), None);
        board.delete(name).await.expect("removed");
    }
}
