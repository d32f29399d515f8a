//! Many clients: applications that have lost the same server, and requests to a server that does not respond.

use std::time::{Duration, Instant};

use throttle_runtime::Settings;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::tally::Tally;
use crate::world::{CLIENTS, PATIENCE, World, patient, raising};
use crate::{on_each, on_each_way};

on_each! {
    applications_that_have_lost_their_server_come_back_by_one_connection_each,
    applications_do_not_storm_a_server_that_turns_them_away,
    a_crowd_before_a_server_that_says_nothing_costs_one_deadline,
}

on_each_way! {
    applications_that_have_lost_their_server_come_back_by_one_connection_each,
    applications_do_not_storm_a_server_that_turns_them_away,
    a_crowd_before_a_server_that_says_nothing_costs_one_deadline,
}

const APPLICATIONS: u32 = 40;

/// Starts the applications. Each makes requests continuously until it was admitted `until` times.
async fn applications(world: &World, settings: Settings, until: u32) -> JoinSet<Tally> {
    let mut throttles = Vec::new();
    for _ in 0..APPLICATIONS {
        throttles.push(world.server.throttle(world.proxy.port, settings.clone()).await);
    }
    let mut tasks = JoinSet::new();
    for (client, (registry, throttle)) in (0..).zip(throttles) {
        tasks.spawn(async move {
            let _registry = registry;
            let (begun, mut all) = (Instant::now(), Tally::default());
            while all.admitted < until.into() {
                assert!(begun.elapsed() < Duration::from_secs(20), "it does not recover: {all}");
                all += Tally::of(&throttle, client).await;
                sleep(Duration::from_millis(40)).await;
            }
            all
        });
    }
    tasks
}

async fn sum(tasks: JoinSet<Tally>) -> Tally {
    let mut all = Tally { admitted: 3, ..Tally::default() };
    tasks.join_all().await.into_iter().for_each(|one| all += one);
    all
}

/// Row 20.
async fn applications_that_have_lost_their_server_come_back_by_one_connection_each(world: World) {
    // An application that hangs does so for much longer than the delay of a busy machine.
    let tasks = applications(&world, patient(), 40).await;
    let before = world.proxy.accepted();
    world.proxy.cut().await;
    let all = sum(tasks).await;
    // Includes the connection of the world itself.
    let (more, expected) =
        (world.proxy.accepted() - before, world.server.connections(u64::from(APPLICATIONS) + 1));
    assert!(expected.contains(&more), "{more} connections, not {expected:?}");
    all.expect_in_time();
    all.expect_nobody_waited();
    assert!(all.failed > 0, "{all}");
    world.expect_charged(&all, 0..=all.failed).await;
}

/// Row 20: the server accepts connections, and resets them at the first reply.
async fn applications_do_not_storm_a_server_that_turns_them_away(world: World) {
    let tasks = applications(&world, raising(), 40).await;
    let (before, begun) = (world.proxy.accepted(), Instant::now());
    world.proxy.cut_after(0);
    sleep(Duration::from_secs(1)).await;
    while world.proxy.accepted() - before <= u64::from(APPLICATIONS) {
        assert!(begun.elapsed() < Duration::from_secs(20), "some have not noticed");
        sleep(Duration::from_millis(10)).await;
    }
    world.proxy.pass();
    let attempts = world.proxy.accepted() - before;
    // A client that cannot connect to a node of a cluster also requests the slots, from every known address.
    let each = if world.server.is_cluster() { 36 } else { 12 };
    let most = u128::from(APPLICATIONS + 1) * each * begun.elapsed().as_millis() / 1_000;
    assert!(u128::from(attempts) <= most, "{attempts} connections in {:?}", begun.elapsed());
    let all = sum(tasks).await;
    all.expect_in_time();
    world.expect_charged(&all, 0..=all.undecided()).await;
}

/// Row 21.
async fn a_crowd_before_a_server_that_says_nothing_costs_one_deadline(world: World) {
    world.proxy.blackhole();
    let begun = Instant::now();
    let mut all = world.crowd(5_000).await;
    // In sequence, with as many concurrent requests as may wait, they would take eight seconds. Half of that
    // distinguishes the two on a busy machine, too.
    assert!(begun.elapsed() < Duration::from_secs(4), "they do not queue: {:?}", begun.elapsed());
    assert_eq!(all.undecided(), 5_000, "{all}");
    assert!(all.failed > 2_000, "more than may wait are told at once: {all}");
    world.proxy.cut().await;
    world.proxy.pass();
    all += world.recovers().await;
    world.waits(PATIENCE);
    let well = world.crowd(CLIENTS).await;
    assert_eq!(well.admitted, u64::from(CLIENTS), "nobody holds a place any more: {well}");
    all += well;
    all.admitted += 3;
    world.expect_charged(&all, 0..=0).await;
}
