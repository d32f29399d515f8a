//! Permits of requests in flight while servers fail: no request loses its permit forever, and no permit is lost
//! forever. The rows are those of `docs/failures.md`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use throttle_runtime::Key;
use throttle_runtime::backend::{ConcurrencyPermit, Redis};
use tokio::time::{sleep, timeout};

use crate::failures::recovers;
use crate::fleet::{Fleet, elected, until};
use crate::nodes::{Nodes, SLOTS, id, slot_of};
use crate::places::{connect, in_flight, settles, take};
use crate::proxy::Proxy;
use crate::server::Server;

const MINUTE: Duration = Duration::from_secs(60);
/// Holders renew it each half of it. A busy machine is not late by the other half.
const SHORT: Duration = Duration::from_secs(3);

/// Acquires the first of two permits.
async fn one_of_two(redis: &Redis, key: &str) -> ConcurrencyPermit {
    take(redis, key, 2, MINUTE).await.expect("an answer").expect("a place")
}

/// Checks that exactly one more permit is free. The release of an earlier one may still be on its way.
async fn expect_one_more(redis: &Redis, key: &str) {
    let began = Instant::now();
    let other = loop {
        if let Some(other) = take(redis, key, 2, MINUTE).await.expect("an answer") {
            break other;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "the second place");
        sleep(Duration::from_millis(10)).await;
    };
    assert!(take(redis, key, 2, MINUTE).await.expect("an answer").is_none(), "there are two");
    drop(other);
}

/// Waits until no permit is held.
async fn all_are_freed(redis: &Redis, key: &str) {
    let began = Instant::now();
    while take(redis, key, 1, MINUTE).await.expect("an answer").is_none() {
        assert!(began.elapsed() < Duration::from_secs(10), "a place is held by nobody");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Row 2: a permit that is dropped meanwhile is released when the network works again. A permit that was
/// requested meanwhile belongs to no request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_that_end_in_a_black_hole_are_freed_after_it() {
    let server = Server::start();
    let proxy = Proxy::before(server.port);
    let redis = Redis::new(&format!("redis://127.0.0.1:{}", proxy.port)).expect("a backend");
    let redis = connect(redis).await;
    let (ends, stays) = (one_of_two(&redis, "a").await, one_of_two(&redis, "a").await);
    proxy.blackhole();
    drop(ends);
    for _ in 0..5 {
        let taking = timeout(Duration::from_millis(50), take(&redis, "a", 2, MINUTE));
        assert!(!matches!(taking.await, Ok(Ok(_))), "nothing comes back");
    }
    assert_eq!(in_flight(&server), 2, "until then it is held");
    proxy.pass();
    recovers(&redis).await;
    settles(&server, 1).await;
    expect_one_more(&redis, "a").await;
    drop(stays);
    all_are_freed(&redis, "a").await;
}

/// Row 24: a machine that sleeps for longer than a lease counts as gone, and renews its permits when it wakes
/// up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sleeps_for_longer_than_a_lease_is_in_flight_again_after_it() {
    let server = Server::start();
    let proxy = Proxy::before(server.port);
    let sleeper = connect(Redis::new(&format!("redis://127.0.0.1:{}", proxy.port)).expect("a backend")).await;
    let others = connect(server.backend()).await;
    let began = Instant::now();
    let held = take(&sleeper, "a", 1, SHORT).await.expect("an answer").expect("a place");
    proxy.blackhole();
    let other = loop {
        if let Some(other) = take(&others, "a", 1, SHORT).await.expect("an answer") {
            break other;
        }
        assert!(began.elapsed() < SHORT + Duration::from_secs(10), "a lease is over");
        sleep(Duration::from_millis(10)).await;
    };
    assert!(began.elapsed() >= SHORT * 9 / 10, "it was held until then");
    proxy.pass();
    settles(&server, 2).await;
    drop(other);
    settles(&server, 1).await;
    assert!(take(&others, "a", 1, SHORT).await.expect("an answer").is_none(), "it is held again");
    drop(held);
    settles(&server, 0).await;
}

/// Row 9.
#[tokio::test]
async fn scripts_that_are_gone_cost_no_place_and_free_none() {
    let server = Server::start();
    let redis = connect(server.backend()).await;
    let held = one_of_two(&redis, "a").await;
    for _ in 0..20 {
        let () = server.ask("SCRIPT FLUSH");
        expect_one_more(&redis, "a").await;
        settles(&server, 1).await;
    }
    let () = server.ask("SCRIPT FLUSH");
    drop(held);
    settles(&server, 0).await;
}

/// Row 25: as many more requests are admitted as were in flight, until those renew their permits.
#[tokio::test]
async fn a_server_that_forgets_is_told_again_within_half_a_lease() {
    let server = Server::start();
    let redis = connect(server.backend()).await;
    let held = take(&redis, "a", 1, SHORT).await.expect("an answer").expect("a place");
    let () = server.ask("FLUSHALL");
    let forgot = Instant::now();
    let other = take(&redis, "a", 1, SHORT).await.expect("an answer").expect("it is forgotten");
    assert!(take(&redis, "a", 1, SHORT).await.expect("an answer").is_none(), "and no more than that");
    settles(&server, 2).await;
    // Timers may be late on a busy machine.
    assert!(forgot.elapsed() < SHORT * 3 / 4, "{:?}", forgot.elapsed());
    drop(other);
    settles(&server, 1).await;
    assert!(take(&redis, "a", 1, SHORT).await.expect("an answer").is_none(), "it is held again");
    drop(held);
    settles(&server, 0).await;
}

/// Returns a client whose permits are on the first master.
fn of_the_first(nodes: &Nodes) -> String {
    let is_there = |key: &String| SLOTS[0].contains(&slot_of(&nodes.masters[0], &Key::from(key.as_str())));
    (0..1_000_000).map(|number| format!("k{number}")).find(is_there).expect("a client")
}

/// Row 12: the permit moves with its slot.
#[tokio::test]
async fn a_place_whose_slot_moves_is_held_there_and_freed_there() {
    let nodes = Nodes::start();
    let redis = connect(nodes.builder().build().expect("a backend")).await;
    let [from, to, _] = &nodes.masters[..] else { panic!("three masters") };
    let key = of_the_first(&nodes);
    let held = one_of_two(&redis, &key).await;
    let slot = slot_of(from, &Key::from(key.as_str()));
    let () = to.ask(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(from)));
    let () = from.ask(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(to)));
    expect_one_more(&redis, &key).await;
    let names: Vec<String> = from.ask(&format!("CLUSTER GETKEYSINSLOT {slot} 10"));
    assert_eq!(names.len(), 1);
    let () = from.ask(&format!("MIGRATE 127.0.0.1 {} {} 0 1000", to.port, names[0]));
    expect_one_more(&redis, &key).await;
    for node in &nodes.masters {
        let () = node.ask(&format!("CLUSTER SETSLOT {slot} NODE {}", id(to)));
    }
    expect_one_more(&redis, &key).await;
    settles(to, 1).await;
    drop(held);
    all_are_freed(&redis, &key).await;
}

/// A replicated permit is held on the next master, and its earlier holder releases it there.
async fn is_held_at_the_next_master(redis: Arc<Redis>, key: &str, held: ConcurrencyPermit, replica: &Server) {
    settles(replica, 1).await;
    expect_one_more(&redis, key).await;
    drop(held);
    all_are_freed(&redis, key).await;
}

/// Row 15.
#[tokio::test]
async fn a_place_is_held_and_freed_after_sentinels_have_elected_another_master() {
    let fleet = Fleet::start();
    let redis = connect(fleet.builder().build().expect("a backend")).await;
    let held = one_of_two(&redis, "a").await;
    let Fleet { master, replica, sentinels: _sentinels } = fleet;
    until("the place at the replica", || replica.try_ask::<u64>("DBSIZE") == Some(1));
    drop(master);
    let replica = elected(replica).await;
    recovers(&redis).await;
    is_held_at_the_next_master(redis, "a", held, &replica).await;
}

/// Row 13.
#[tokio::test]
async fn a_place_is_held_and_freed_after_the_replica_of_its_node_has_taken_over() {
    let mut nodes = Nodes::start();
    let replica = nodes.replica();
    let redis = connect(nodes.builder().build().expect("a backend")).await;
    let key = of_the_first(&nodes);
    let held = one_of_two(&redis, &key).await;
    until("the place at the replica", || replica.try_ask::<u64>("DBSIZE") == Some(1));
    drop(nodes.masters.remove(0));
    let replica = elected(replica).await;
    let began = Instant::now();
    while take(&redis, &key, 2, MINUTE).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not recover: {redis:?}");
        sleep(Duration::from_millis(10)).await;
    }
    is_held_at_the_next_master(redis, &key, held, &replica).await;
}
