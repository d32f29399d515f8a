//! Servers that are unreachable: connections are refused, in a black hole, or known only to the client.

use std::time::{Duration, Instant};

use crate::tally::{DEADLINE, Tally};
use crate::world::{PATIENCE, World, raising};
use crate::{on_each, on_each_way};

on_each! {
    who_is_refused_fails_at_once_and_pays_nothing,
    a_black_hole_costs_deadlines_and_charges_what_it_lets_out_once_at_most,
    what_was_in_a_black_hole_that_was_given_up_charges_nobody,
    a_connection_that_only_this_side_knows_is_replaced,
    who_fails_open_admits_what_failed_and_no_more,
}

on_each_way! {
    a_black_hole_costs_deadlines_and_charges_what_it_lets_out_once_at_most,
    what_was_in_a_black_hole_that_was_given_up_charges_nobody,
    a_connection_that_only_this_side_knows_is_replaced,
}

/// Row 1.
async fn who_is_refused_fails_at_once_and_pays_nothing(mut world: World) {
    world.waits(PATIENCE);
    let mut all = Tally { admitted: 3, ..Tally::default() };
    for _ in 0..3 {
        world.proxy.refuse().await;
        world.proxy.cut().await;
        let begun = Instant::now();
        while Tally::of(&world.throttle, 0).await.undecided() == 0 {
            all.admitted += 1;
        }
        let failing = world.hits(100).await;
        assert_eq!((failing.failed, failing.waited), (100, 0), "{failing}");
        assert!(begun.elapsed() < PATIENCE, "nobody waits for a connection: {:?}", begun.elapsed());
        world.proxy.listen();
        all += world.recovers().await;
        all += world.hits(10).await;
    }
    all.expect_in_time();
    all.expect_nobody_waited();
    world.expect_charged(&all, 0..=0).await;
}

/// Row 2: when the network works again, it resends what was on its way.
async fn a_black_hole_costs_deadlines_and_charges_what_it_lets_out_once_at_most(world: World) {
    world.proxy.blackhole();
    let mut all = world.hits(8).await;
    assert_eq!(all.undecided(), 8, "{all}");
    world.proxy.pass();
    all += world.recovers().await;
    all += world.hits(10).await;
    all.expect_in_time();
    all.admitted += 3;
    world.expect_charged(&all, 0..=all.waited).await;
}

/// Row 2: everything that was on its way is lost with its connection.
async fn what_was_in_a_black_hole_that_was_given_up_charges_nobody(world: World) {
    world.proxy.blackhole();
    let mut all = world.hits(8).await;
    if world.server.is_redis() {
        // After three in a row, the server is sent a PING. A backend whose handshake was slow, on a busy
        // machine, waits longer for the reply.
        assert!((3..=5).contains(&all.waited) && all.undecided() == 8, "three in a row, and no more: {all}");
    }
    world.proxy.cut().await;
    world.proxy.pass();
    all += world.recovers().await;
    all.expect_in_time();
    all.admitted += 3;
    world.expect_charged(&all, 0..=0).await;
}

/// Row 19: the server has restarted, or a device in between has lost the connection.
async fn a_connection_that_only_this_side_knows_is_replaced(world: World) {
    let before = world.proxy.accepted();
    world.proxy.strand();
    let mut all = world.recovers().await;
    assert!(all.waited > 0, "nobody was told: {all}");
    assert!(all.waited <= 12, "a second of silence is enough: {all}");
    let more = world.proxy.accepted() - before;
    assert!(world.server.connections(1).contains(&more), "{more} connections");
    all += world.hits(10).await;
    all.expect_in_time();
    all.admitted += 3;
    world.expect_charged(&all, 0..=0).await;
}

async fn who_fails_open_admits_what_failed_and_no_more(world: World) {
    let settings = raising().on_error("allow");
    let (_registry, open) = world.server.throttle(world.proxy.port, settings).await;
    world.proxy.blackhole();
    let mut all = Tally::default();
    for _ in 0..8 {
        all += Tally::of(&open, 0).await;
    }
    assert_eq!((all.let_pass, open.counts().allowed_on_error), (8, 8), "{all}");
    all.expect_in_time();
    world.proxy.cut().await;
    world.proxy.pass();
    let begun = Instant::now();
    while all.admitted == 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "it does not recover: {all}");
        all += Tally::of(&open, 0).await;
        tokio::time::sleep(DEADLINE / 20).await;
    }
    assert_eq!(open.counts().allowed_on_error, all.let_pass);
    all.admitted += 3;
    world.expect_charged(&all, 0..=0).await;
}
