//! Replies that are lost, cut short or corrupt, before or after their requests were charged.

use crate::tally::Tally;
use crate::world::{PATIENCE, World};
use crate::{on_each, on_each_way};

on_each! {
    a_reply_that_is_cut_at_any_byte_was_charged_once_at_most_and_is_not_asked_for_again,
    replies_that_are_swallowed_were_charged_once_at_most,
    replies_that_are_nonsense_admit_nobody,
    a_server_that_ends_in_an_orderly_way_is_connected_to_again,
}

on_each_way! {
    a_reply_that_is_cut_at_any_byte_was_charged_once_at_most_and_is_not_asked_for_again,
    replies_that_are_nonsense_admit_nobody,
    a_server_that_ends_in_an_orderly_way_is_connected_to_again,
}

/// Row 18, at each byte of each reply of a decision. Of the two replies of Memcached, the last is that of the
/// charge.
async fn a_reply_that_is_cut_at_any_byte_was_charged_once_at_most_and_is_not_asked_for_again(world: World) {
    // A connection that is cut fails its request at once.
    world.waits(PATIENCE);
    let mut all = Tally { admitted: 3, ..Tally::default() };
    let (mut used, mut charged) = (world.used().await, 0);
    for bytes in (0..).step_by(2) {
        world.proxy.cut_after(bytes);
        let cut = Tally::of(&world.throttle, 0).await;
        let is_through = cut.undecided() == 0;
        all += cut;
        world.proxy.pass();
        let now = world.used().await;
        assert!(now - used <= 1, "{} more were charged for one request, cut after {bytes} bytes", now - used);
        if world.server.is_redis() {
            assert_eq!(now - used, 1, "it had reached the server, which decides by itself");
        }
        if is_through {
            assert!(bytes > 4, "replies are longer than {bytes} bytes");
            break;
        }
        charged += now - used;
        all += world.recovers().await;
        used = world.used().await;
    }
    assert!(charged > 0, "some were cut after they were charged");
    all.expect_in_time();
    world.expect_charged(&all, charged..=charged).await;
}

/// Rows 3 and 4.
async fn replies_that_are_swallowed_were_charged_once_at_most(world: World) {
    world.proxy.swallow_replies();
    let mut all = world.hits(8).await;
    assert_eq!(all.admitted, 0, "{all}");
    // With Memcached, a charge is the second request, after a reply to the first. With Redis, each request that
    // waited is charged, except for requests that a busy machine could not send.
    let possible = if world.server.is_redis() { 1..=all.waited } else { 0..=0 };
    all.admitted += 3;
    world.expect_charged(&all, possible).await;
    let (charged, waited) = (world.used().await - all.admitted, all.waited);
    world.proxy.pass();
    all += world.recovers().await;
    all += world.hits(10).await;
    all.expect_in_time();
    world.expect_charged(&all, charged..=charged + all.waited - waited).await;
}

/// Row 18.
async fn replies_that_are_nonsense_admit_nobody(world: World) {
    world.proxy.corrupt();
    let mut all = world.hits(20).await;
    assert_eq!((all.admitted, all.denied), (0, 0), "{all}");
    world.proxy.pass();
    all += world.recovers().await;
    world.waits(PATIENCE);
    let well = world.hits(20).await;
    assert_eq!(well.admitted, 20, "nothing of it is left: {well}");
    all += well;
    all.expect_in_time();
    all.admitted += 3;
    world.expect_charged(&all, 0..=all.undecided()).await;
}

/// Row 18.
async fn a_server_that_ends_in_an_orderly_way_is_connected_to_again(world: World) {
    world.waits(PATIENCE);
    let mut all = Tally { admitted: 3, ..Tally::default() };
    for _ in 0..5 {
        world.proxy.half_close();
        all += world.crowd(20).await;
        all += world.recovers().await;
        all += world.hits(5).await;
    }
    all.expect_in_time();
    all.expect_nobody_waited();
    world.expect_charged(&all, 0..=all.failed).await;
    assert!(world.proxy.accepted() >= 6, "{}", world.proxy.accepted());
}
