//! Deadlines that are shorter than a round trip, or nearly so.

use std::time::{Duration, Instant};

use throttle_runtime::{DecisionReason, Rate, Settings, retry};
use tokio::time::sleep;

use crate::world::World;

/// Generous, because the tests check only whether a silent connection is replaced at all.
const SOON: Duration = Duration::from_secs(20);

/// Makes requests until the backend decides again after its connection became silent.
async fn recovers(world: &World, settings: Settings) {
    let (_registry, throttle) = world.server.throttle(world.proxy.port, settings).await;
    let begun = Instant::now();
    while !throttle.hit(0_u32).await.is_ok_and(|decision| decision.reason() == DecisionReason::Backend) {
        assert!(begun.elapsed() < SOON, "it does not begin well");
    }
    world.proxy.strand();
    let begun = Instant::now();
    loop {
        let decision = throttle.hit(0_u32).await;
        if begun.elapsed() > Duration::from_millis(1)
            && decision.is_ok_and(|decision| decision.reason() == DecisionReason::Backend)
        {
            break;
        }
        assert!(begun.elapsed() < SOON, "the silent connection is not replaced");
        sleep(Duration::from_millis(1)).await;
    }
}

fn settings(deadline: u64) -> Settings {
    Settings::new().rate(Rate::per_day(100_000)).timeout(Duration::from_millis(deadline))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_a_silent_connection_is_replaced_whatever_the_deadline() {
    for deadline in [1, 2, 5, 10, 50] {
        recovers(&World::redis().await, settings(deadline).on_error("raise")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_a_silent_connection_is_replaced_whatever_the_budget() {
    for budget in [1, 2, 5] {
        let settings = settings(100).on_error(retry(1)).total_timeout(Duration::from_millis(budget));
        recovers(&World::redis().await, settings).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_a_silent_node_is_replaced_whatever_the_deadline() {
    for deadline in [1, 5] {
        recovers(&World::cluster().await, settings(deadline).on_error("raise")).await;
        recovers(&World::sentinel().await, settings(deadline).on_error("raise")).await;
    }
}

/// Requests that are given up after a short timeout do not hide the silence of Memcached.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_a_silent_memcached_is_replaced_whatever_the_deadline() {
    for deadline in [2, 5, 10, 50] {
        recovers(&World::memcached().await, settings(deadline).on_error("raise")).await;
    }
    let settings = settings(100).on_error(retry(1)).total_timeout(Duration::from_millis(5));
    recovers(&World::memcached().await, settings).await;
}

/// When the store is back, it decides again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_requests_are_not_let_in_for_ever_after_a_silence() {
    let world = World::redis().await;
    let settings = Settings::new().rate("10/day").timeout(Duration::from_millis(5)).on_error("allow");
    let (_registry, throttle) = world.server.throttle(world.proxy.port, settings).await;
    world.proxy.strand();
    let (begun, mut by_store) = (Instant::now(), 0);
    while by_store < 40 {
        let decision = throttle.hit(1_u32).await.expect("a decision");
        by_store += u32::from(decision.reason() == DecisionReason::Backend);
        assert!(begun.elapsed() < SOON, "the policy lets everything in");
        sleep(Duration::from_millis(1)).await;
    }
    let (mut admitted, mut asked) = (0, 0);
    while asked < 30 {
        let decision = throttle.hit(1_u32).await.expect("a decision");
        if decision.reason() == DecisionReason::Backend {
            (admitted, asked) = (admitted + u32::from(decision.is_allowed()), asked + 1);
        }
        assert!(begun.elapsed() < SOON * 4, "the policy lets everything in");
    }
    assert_eq!(admitted, 0, "ten in a day were admitted before");
}

/// Callers that give up before any reply can arrive cost a liveness check, but not the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_deadlines_below_a_round_trip_do_not_cost_connections() {
    let world = World::redis().await;
    world.proxy.delay(Duration::from_millis(3));
    let (_registry, throttle) = world.server.throttle(world.proxy.port, settings(1).on_error("raise")).await;
    let connections = world.proxy.accepted();
    for _ in 0..200 {
        let _ = throttle.hit(0_u32).await;
    }
    let more = world.proxy.accepted() - connections;
    // A machine that stands still may be late with a liveness check.
    assert!(more <= 2, "{more} more connections");
}

/// Callers of the backend itself may have their own timeouts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_a_silent_connection_is_replaced_whatever_makes_callers_give_up() {
    replaces_what_callers_give_up(&World::redis().await).await;
    replaces_what_callers_give_up(&World::memcached().await).await;
}

async fn replaces_what_callers_give_up(world: &World) {
    world.proxy.strand();
    let (begun, connections) = (Instant::now(), world.proxy.accepted());
    while world.proxy.accepted() == connections {
        let _ = tokio::time::timeout(Duration::from_millis(1), world.throttle.hit(0_u32)).await;
        assert!(begun.elapsed() < SOON, "the silent connection is not replaced");
    }
    world.recovers().await;
}
