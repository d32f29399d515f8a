//! Decisions that no caller waits for: given up, unwound, or abandoned by their runtime.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use throttle_runtime::{Hit, Settings};
use tokio::time::{sleep, timeout};

use crate::tally::{DEADLINE, Tally};
use crate::world::{CLIENTS, PATIENCE, World, patient};
use crate::{on_each, on_each_way};

on_each! {
    decisions_that_are_given_up_at_any_time_hold_nothing,
    a_panic_beside_a_decision_holds_nothing,
    a_setting_that_panics_costs_its_own_request_and_nothing_else,
    a_runtime_that_ends_leaves_a_backend_that_works_on_the_next,
}

on_each_way! {
    a_panic_beside_a_decision_holds_nothing,
    a_setting_that_panics_costs_its_own_request_and_nothing_else,
    a_runtime_that_ends_leaves_a_backend_that_works_on_the_next,
}

/// Row 27.
async fn decisions_that_are_given_up_at_any_time_hold_nothing(world: World) {
    world.waits(PATIENCE);
    world.proxy.delay(Duration::from_millis(2));
    let mut all = Tally { admitted: 3, ..Tally::default() };
    let mut dropped = 0;
    for round in 0..4_000 {
        // On a busy machine, a decision takes longer.
        if round >= 400 && all.admitted > 100 {
            break;
        }
        let patience = Duration::from_micros(round * 60);
        match timeout(patience, Tally::of(&world.throttle, 0)).await {
            Ok(tally) => all += tally,
            Err(_) => dropped += 1,
        }
    }
    assert!(dropped > 70 && all.admitted > 100, "{dropped} dropped, {all}");
    world.proxy.pass();
    let well = world.crowd(CLIENTS).await;
    assert_eq!(well.admitted, u64::from(CLIENTS), "nobody holds a place any more: {well}");
    all += well;
    assert_eq!(all.undecided(), 0, "who gives up says nothing about the server: {all}");
    world.expect_charged(&all, 0..=dropped).await;
}

/// Row 28: the decision is dropped while its task unwinds.
async fn a_panic_beside_a_decision_holds_nothing(world: World) {
    world.proxy.delay(Duration::from_millis(5));
    for _ in 0..100 {
        let beside = async {
            sleep(Duration::from_millis(2)).await;
            std::panic::resume_unwind(Box::new("planned"))
        };
        let both = async { tokio::join!(world.throttle.hit(0_u32), beside) };
        assert!(AssertUnwindSafe(both).catch_unwind().await.is_err());
    }
    world.proxy.pass();
    // On a machine that stands still, some are dropped so late that the connection is given up.
    let mut all = world.recovers().await;
    world.waits(PATIENCE);
    let well = world.crowd(CLIENTS).await;
    assert_eq!(well.admitted, u64::from(CLIENTS), "{well}");
    all += well;
    all.admitted += 3;
    world.expect_charged(&all, 0..=100 + all.waited).await;
}

/// Row 28.
async fn a_setting_that_panics_costs_its_own_request_and_nothing_else(world: World) {
    async fn panics() -> u32 {
        std::panic::resume_unwind(Box::new("planned"))
    }
    let (_registry, throttle) = world.server.throttle(world.proxy.port, patient().cost(panics)).await;
    for _ in 0..100 {
        assert!(AssertUnwindSafe(throttle.hit(0_u32)).catch_unwind().await.is_err());
        assert!(throttle.hit(Hit::new(0_u32).cost(1)).await.expect("a decision").is_allowed());
    }
    let all = Tally { admitted: 103, ..Tally::default() };
    world.expect_charged(&all, 0..=0).await;
}

/// Row 30: its connections end with it, in the middle of decisions.
async fn a_runtime_that_ends_leaves_a_backend_that_works_on_the_next(world: World) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    // No decision meets its deadline before the runtime ends.
    let settings = patient();
    let World { proxy, server, .. } = &world;
    let port = proxy.port;
    // A thread may not wait for one runtime from within another.
    let (runtime, _registry, throttle) = std::thread::scope(|scope| {
        let start = scope.spawn(|| {
            let (registry, throttle) = runtime.block_on(server.throttle(port, settings));
            (runtime, registry, throttle)
        });
        start.join().expect("a throttle of the other runtime")
    });
    proxy.blackhole();
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let throttle = throttle.clone();
            runtime.spawn(async move { Tally::of(&throttle, 0).await })
        })
        .collect();
    sleep(DEADLINE / 4).await;
    runtime.shutdown_background();
    for waiting in waiting {
        assert!(waiting.await.is_err(), "it ended with its runtime");
    }
    throttle.update(Settings::new().timeout(DEADLINE)).expect("an update");
    proxy.pass();
    let (begun, mut all) = (std::time::Instant::now(), Tally::default());
    while all.admitted == 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "it does not recover: {all}");
        all += Tally::of(&throttle, 0).await;
        sleep(Duration::from_millis(5)).await;
    }
    all.expect_in_time();
    all.admitted += 3;
    world.expect_charged(&all, 0..=20 + all.undecided()).await;
}
