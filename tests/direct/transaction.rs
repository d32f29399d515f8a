//! Charges that are collected, and committed at the end: behaviours 111 and 112.

use throttle::backend::Memory;
use throttle::{
    Atomicity, DecisionReason, Hit, ManualClock, Rate, Registry, Settings, Throttle, Transaction, registry,
};

use crate::common::{Broken, Counted, declared_at, registry_at};

async fn throttle(rate: &'static str) -> Throttle {
    let registry = registry_at(&ManualClock::new()).await;
    registry.create("test", Settings::new().rate(rate)).expect("a throttle")
}

async fn left(throttle: &Throttle, key: &'static str) -> Option<u64> {
    throttle.quotas(key).await.expect("memory never fails").remaining()
}

#[tokio::test]
async fn b111_nothing_is_taken_before_the_end_and_then_all_at_once() {
    let backend = Counted::default();
    let registry = registry().backend("memory", backend.clone()).build().await.expect("a registry");
    let throttle = registry.create("test", Settings::new().rate("3/hour")).expect("a throttle");
    let mut transaction = throttle.transaction("a");
    transaction.charge(2);
    transaction.charge(1);
    assert_eq!(transaction.charged(), 3);
    assert_eq!(backend.decided.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert_eq!(left(&throttle, "a").await, Some(3));
    let decision = transaction.commit().await.expect("a decision");
    assert_eq!((decision.is_allowed(), decision.remaining()), (true, Some(0)));
    assert_eq!(backend.decided.load(std::sync::atomic::Ordering::SeqCst), 2, "one to look, one to take");
    let mut transaction = throttle.transaction("a");
    transaction.charge(1);
    assert!(transaction.commit().await.expect("a decision").is_throttled());
    let counts = throttle.counts();
    assert_eq!((counts.allowed, counts.denied), (1, 1));
}

#[tokio::test]
async fn b111_an_error_on_the_way_charges_nothing_unless_it_is_meant_to() {
    async fn job(transaction: &mut Transaction, fails: bool) -> Result<(), &'static str> {
        transaction.charge(2);
        if fails { Err("no paper") } else { Ok(()) }
    }
    async fn on_success(throttle: &Throttle, fails: bool) -> Result<(), Box<dyn std::error::Error>> {
        let mut transaction = throttle.transaction("a");
        job(&mut transaction, fails).await?;
        let _ = transaction.commit().await?;
        Ok(())
    }
    async fn in_any_case(throttle: &Throttle) -> Result<(), Box<dyn std::error::Error>> {
        let mut transaction = throttle.transaction("a");
        let done = job(&mut transaction, true).await;
        let _ = transaction.commit().await?;
        Ok(done?)
    }
    let throttle = throttle("9/hour").await;
    on_success(&throttle, true).await.expect_err("no paper");
    assert_eq!(left(&throttle, "a").await, Some(9));
    on_success(&throttle, false).await.expect("paper");
    assert_eq!(left(&throttle, "a").await, Some(7));
    in_any_case(&throttle).await.expect_err("no paper");
    assert_eq!(left(&throttle, "a").await, Some(5));
}

#[tokio::test]
async fn b112_parts_that_are_cancelled_or_dropped_charge_nothing() {
    let throttle = throttle("30/hour").await;
    let mut transaction = throttle.transaction("a");
    transaction.charge(2);
    let mut part = transaction.savepoint();
    part.charge(5);
    part.rollback();
    let mut part = transaction.savepoint();
    part.charge(5);
    drop(part);
    assert_eq!(transaction.charged(), 2);
    let mut part = transaction.savepoint();
    part.charge(3);
    let mut inner = part.savepoint();
    inner.charge(4);
    assert_eq!(inner.peek().await.expect("a decision").remaining(), Some(30 - 9), "all that it is a part of");
    inner.commit();
    let mut inner = part.savepoint();
    inner.charge(11);
    inner.rollback();
    assert_eq!(part.charged(), 7);
    part.commit();
    assert_eq!(transaction.charged(), 9);
    let _ = transaction.commit().await.expect("a decision");
    assert_eq!(left(&throttle, "a").await, Some(21));
    let mut transaction = throttle.transaction("a");
    transaction.charge(9);
    transaction.savepoint().charge(1);
    transaction.rollback();
    assert_eq!(left(&throttle, "a").await, Some(21));
}

#[tokio::test]
async fn b112_a_part_of_a_part_that_is_dropped_takes_its_own_along() {
    let throttle = throttle("30/hour").await;
    let mut transaction = throttle.transaction("a");
    let mut part = transaction.savepoint();
    let mut inner = part.savepoint();
    inner.charge(4);
    inner.commit();
    part.rollback();
    assert_eq!(transaction.charged(), 0);
}

#[tokio::test]
async fn a_check_takes_nothing_and_answers_as_the_commit_does() {
    let throttle = throttle("3/hour").await;
    let mut transaction = throttle.transaction("a");
    transaction.charge(3);
    assert_eq!(transaction.peek().await.expect("a decision").remaining(), Some(0));
    let _ = throttle.hit("a").await.expect("a decision");
    let checked = transaction.peek().await.expect("a decision");
    assert!(checked.is_throttled());
    assert_eq!(throttle.counts().denied, 0, "who only asks is not counted");
    assert_eq!(checked, transaction.commit().await.expect("a decision"));
    assert_eq!(left(&throttle, "a").await, Some(2));
}

#[tokio::test]
async fn nothing_on_a_tab_asks_nobody_and_sums_do_not_overflow() {
    let throttle = throttle("3/hour").await;
    let mut transaction = throttle.transaction("a");
    transaction.charge(0);
    assert_eq!(transaction.peek().await.expect("no backend").reason(), DecisionReason::Free);
    assert_eq!(transaction.commit().await.expect("no backend").reason(), DecisionReason::Free);
    assert_eq!(throttle.counts().skipped, 1);
    let mut transaction = throttle.transaction(Hit::new("a").cost(7));
    transaction.charge(u64::MAX - 1);
    let mut part = transaction.savepoint();
    part.charge(u64::MAX);
    part.commit();
    assert_eq!(transaction.charged(), u64::MAX);
    assert!(transaction.commit().await.expect("a decision").is_never());
    assert_eq!(left(&throttle, "a").await, Some(3));
}

#[tokio::test]
async fn a_tab_without_limits_says_why() {
    let registry = Registry::default();
    let free = registry.create("free", Settings::new().rate(Rate::UNLIMITED)).expect("a throttle");
    let limited = registry.create("bounded", Settings::new().rate("5/hour")).expect("a throttle");
    let mut transaction = free.transaction("a");
    transaction.charge(9);
    assert_eq!(transaction.commit().await.expect("no backend").reason(), DecisionReason::Unlimited);
    let mut transaction = free.transaction("a").and(&limited, "a");
    transaction.charge(2);
    assert_eq!(transaction.commit().await.expect("a decision").remaining(), Some(3));
    registry.disable("bounded");
    let mut transaction = limited.transaction("a");
    transaction.charge(9);
    assert_eq!(transaction.commit().await.expect("no backend").reason(), DecisionReason::Disabled);
}

#[tokio::test]
async fn throttles_on_one_backend_are_charged_together() {
    let registry = registry_at(&ManualClock::new()).await;
    let create = |uid, rate| registry.create(uid, Settings::new().rate(rate)).expect("a throttle");
    let (users, teams, all) =
        (create("users", "10/hour"), create("teams", "15/hour"), create("all", "20/day"));
    let transaction = |user: &'static str, units| {
        let mut transaction = users.transaction(user).and(&teams, "red").and(&all, Hit::new("all").cost(1));
        transaction.charge(units);
        transaction
    };
    assert_eq!(transaction("ann", 1).atomicity(), Atomicity::Atomic);
    let decision = transaction("ann", 8).commit().await.expect("a decision");
    let remaining: Vec<_> = decision.quotas().iter().map(throttle::Quota::remaining).collect();
    assert_eq!(remaining, [2, 7, 11], "in the order of the throttles, with what each has from the start");
    let checked = transaction("bob", 8).peek().await.expect("a decision");
    let denied = transaction("bob", 8).commit().await.expect("a decision");
    assert!(denied.is_throttled());
    assert_eq!((checked, denied.quotas().len()), (denied.clone(), 1), "the throttle that denied");
    assert_eq!(left(&users, "bob").await, Some(10));
    assert_eq!(left(&all, "all").await, Some(11));
    assert_eq!((users.counts().allowed, users.counts().given_back), (1, 1), "what another throttle denied");
}

#[tokio::test]
async fn throttles_on_several_backends_give_back_what_a_later_one_denies() {
    let clock = ManualClock::new();
    let other = Memory::builder().clock(clock.clone()).build();
    let registry = declared_at(&clock).backend("other", other).build().await.expect("a registry");
    let here = registry.create("here", Settings::new().rate("10/hour")).expect("a throttle");
    let there =
        registry.create("there", Settings::new().rate("5/hour").backend("other")).expect("a throttle");
    let transaction = |units| {
        let mut transaction = here.transaction("a").and(&there, "a");
        transaction.charge(units);
        transaction
    };
    assert_eq!(transaction(1).atomicity(), Atomicity::Sequential);
    assert!(transaction(3).commit().await.expect("a decision").is_allowed());
    assert!(transaction(3).peek().await.expect("a decision").is_throttled());
    let denied = transaction(3).commit().await.expect("a decision");
    assert_eq!(denied.quotas()[0].rate(), Rate::per_hour(5));
    assert_eq!((left(&here, "a").await, left(&there, "a").await), (Some(7), Some(2)));
    assert_eq!((here.counts().given_back, there.counts().denied), (1, 1));
}

#[tokio::test]
async fn a_backend_that_fails_later_gives_back_what_was_taken() {
    let clock = ManualClock::new();
    let registry =
        declared_at(&clock).backend("broken", Broken::default()).build().await.expect("a registry");
    let here = registry.create("here", Settings::new().rate("10/hour")).expect("a throttle");
    let broken = Settings::new().rate("5/hour").backend("broken").on_error("raise");
    let there = registry.create("there", broken).expect("a throttle");
    let mut transaction = here.transaction("a").and(&there, "a");
    transaction.charge(3);
    transaction.commit().await.expect_err("the store is gone");
    assert_eq!(left(&here, "a").await, Some(10));
}

/// Of concurrent tabs, as many are committed as fit, each as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_are_exact_however_many_come_at_once() {
    let registry = registry_at(&ManualClock::new()).await;
    let one = registry.create("one", Settings::new().rate("100/hour")).expect("a throttle");
    let other = registry.create("other", Settings::new().rate("70/hour")).expect("a throttle");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (one, other) = (one.clone(), other.clone());
        tasks.spawn(async move {
            let mut transaction = one.transaction("a").and(&other, "a");
            transaction.charge(3);
            u64::from(transaction.commit().await.expect("a decision").is_allowed())
        });
    }
    let paid: u64 = tasks.join_all().await.into_iter().sum();
    assert_eq!(paid, 23);
    assert_eq!((left(&one, "a").await, left(&other, "a").await), (Some(31), Some(1)));
}
