//! Replies that come late, in pieces, or with packets that had to be resent.

use std::time::{Duration, Instant};

use crate::tally::{DEADLINE, Tally};
use crate::world::{CLIENTS, PATIENCE, World};
use crate::{on_each, on_each_way};

on_each! {
    what_is_late_but_in_time_is_decided,
    what_is_too_late_costs_deadlines_and_is_charged_once_at_most,
    what_trickles_is_decided_if_it_is_there_in_time,
    what_has_to_be_sent_again_is_late_and_brings_no_storm,
}

on_each_way! {
    what_is_late_but_in_time_is_decided,
    what_is_too_late_costs_deadlines_and_is_charged_once_at_most,
    what_trickles_is_decided_if_it_is_there_in_time,
    what_has_to_be_sent_again_is_late_and_brings_no_storm,
}

/// Row 18: with Memcached, an admission takes this delay four times.
async fn what_is_late_but_in_time_is_decided(world: World) {
    // A tenth of the deadline, and a deadline that a busy machine does not exceed.
    world.waits(10 * DEADLINE);
    world.proxy.delay(DEADLINE);
    let mut all = world.hits(10).await;
    all += world.crowd(CLIENTS).await;
    assert_eq!(all.undecided(), 0, "{all}");
    all.admitted += 3;
    world.expect_charged(&all, 0..=0).await;
}

/// Rows 5 and 18.
async fn what_is_too_late_costs_deadlines_and_is_charged_once_at_most(world: World) {
    world.proxy.delay(DEADLINE);
    let (mut all, begun) = (Tally::default(), Instant::now());
    while all.waited + all.failed < 10 {
        let (asked, one) = (Instant::now(), Tally::of(&world.throttle, 0).await);
        // A deadline in which a busy machine paused this process lasts longer, so the reply may come in time.
        assert!(
            one.admitted == 0 || asked.elapsed() >= 2 * DEADLINE,
            "the reply of an earlier request: {one}"
        );
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is too late: {all}");
        all += one;
    }
    all.expect_in_time();
    world.proxy.pass();
    all += world.recovers().await;
    all += world.hits(10).await;
    all.expect_in_time();
    all.admitted += 3;
    world.expect_charged(&all, 0..=all.waited).await;
}

/// Row 18.
async fn what_trickles_is_decided_if_it_is_there_in_time(world: World) {
    world.waits(PATIENCE);
    world.proxy.trickle(16, Duration::from_millis(1));
    let mut all = world.hits(10).await;
    assert_eq!(all.admitted, 10, "{all}");
    world.waits(DEADLINE);
    world.proxy.trickle(1, 5 * DEADLINE);
    let late = world.hits(10).await;
    assert_eq!(late.admitted, 0, "{late}");
    all += late;
    world.proxy.pass();
    all += world.recovers().await;
    all += world.hits(10).await;
    all.expect_in_time();
    all.admitted += 3;
    world.expect_charged(&all, 0..=all.waited + all.failed).await;
}

/// Row 17, as seen from above TCP: a lost packet arrives a retransmission later, with all data after it.
async fn what_has_to_be_sent_again_is_late_and_brings_no_storm(world: World) {
    let before = world.proxy.accepted();
    world.proxy.lose(30);
    let mut all = world.hits(60).await;
    assert!(all.waited > 0, "{all}");
    let more = world.proxy.accepted() - before;
    assert!(more <= all.undecided(), "{more} connections: {all}");
    world.proxy.pass();
    all += world.recovers().await;
    all += world.hits(10).await;
    all.expect_in_time();
    all.admitted += 3;
    world.expect_charged(&all, 0..=all.waited + all.failed).await;
}
