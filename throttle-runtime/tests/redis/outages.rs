//! Nodes of a cluster that die or hang, and whose replicas take over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use throttle_runtime::backend::{Backend, Redis};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::failures::{DEADLINE, answer, hit};
use crate::fleet::{elected, until};
use crate::nodes::{Nodes, SLOTS, client_in};

/// Decides about one client while the flag is set. Returns the errors, and the duration of the slowest
/// decision. A patient client has no deadline, because a busy machine may exceed it.
fn load(
    redis: &Arc<Redis>,
    client: u32,
    is_patient: bool,
    on: &Arc<AtomicBool>,
) -> JoinHandle<(Vec<String>, Duration)> {
    let (redis, on) = (redis.clone(), on.clone());
    tokio::spawn(async move {
        let (mut failed, mut slowest) = (Vec::new(), Duration::ZERO);
        while on.load(Ordering::Relaxed) {
            let started = Instant::now();
            let decided = if is_patient {
                answer(&redis, client).await.map_err(Some)
            } else {
                hit(&redis, client).await
            };
            failed.extend(decided.err().map(|error| format!("{error:?}")));
            slowest = slowest.max(started.elapsed());
            sleep(Duration::from_millis(5)).await;
        }
        (failed, slowest)
    })
}

/// The first master fails. Until its replica decides, its clients fail immediately and all others pass.
async fn fails_over(happens: impl FnOnce(&mut Nodes)) {
    let mut nodes = Nodes::start();
    let replica = nodes.replica();
    let redis = Arc::new(nodes.builder().build().expect("a backend"));
    redis.initialize().await.expect("a connection");
    let [first, second, third] = SLOTS.map(|slots| client_in(&nodes.masters[1], &slots));
    let on = Arc::new(AtomicBool::new(true));
    let loads = [first, second, third].map(|client| load(&redis, client, client != first, &on));
    sleep(Duration::from_millis(200)).await;
    happens(&mut nodes);
    let replica = elected(replica).await;
    let started = Instant::now();
    while hit(&redis, first).await.is_err() || !redis.is_connected() {
        assert!(started.elapsed() < Duration::from_secs(20), "it does not recover: {redis:?}");
        sleep(Duration::from_millis(10)).await;
    }
    let before = replica.calls("evalsha");
    answer(&redis, first).await.expect("a decision");
    assert!(replica.calls("evalsha") > before, "the replica decides");
    on.store(false, Ordering::Relaxed);
    let [first, second, third] = loads;
    let (failed, slowest) = first.await.expect("the load");
    assert!(!failed.is_empty(), "the master was away");
    assert!(slowest < 15 * DEADLINE, "nobody waits for an election: {slowest:?}");
    for other in [second, third] {
        let (failed, slowest) = other.await.expect("the load");
        assert!(failed.is_empty(), "the others have nothing to do with it: {failed:?}");
        assert!(slowest < 15 * DEADLINE, "the others do not wait for it: {slowest:?}");
    }
}

#[tokio::test]
async fn a_master_that_dies_is_followed_by_its_replica() {
    fails_over(|nodes| drop(nodes.masters.remove(0))).await;
}

#[tokio::test]
async fn a_master_that_hangs_is_followed_by_its_replica() {
    fails_over(|nodes| nodes.masters[0].stop()).await;
}

/// By a command, because then no connection is cut.
#[tokio::test]
async fn a_master_that_is_demoted_is_left_for_the_new_one() {
    let nodes = Nodes::start();
    let replica = nodes.replica();
    let redis = nodes.builder().build().expect("a backend");
    redis.initialize().await.expect("a connection");
    let client = client_in(&nodes.masters[0], &SLOTS[0]);
    answer(&redis, client).await.expect("a decision");
    let mut asked = None;
    until("another master", || {
        // The election takes up to five seconds, in which a busy machine may do other work.
        if asked.is_none_or(|asked: Instant| asked.elapsed() > Duration::from_secs(6)) {
            let () = replica.ask("CLUSTER FAILOVER");
            asked = Some(Instant::now());
        }
        replica.says("INFO replication", "role:master")
    });
    let started = Instant::now();
    let mut failed = 0;
    while replica.calls("evalsha") < 20 {
        assert!(started.elapsed() < Duration::from_secs(20), "it does not recover: {redis:?}");
        failed += u32::from(hit(&redis, client).await.is_err());
        sleep(Duration::from_millis(5)).await;
    }
    assert!(failed < 100, "{failed} failed");
}

/// None of the configured nodes has to exist later.
#[tokio::test]
async fn nodes_that_are_gone_or_hang_keep_nobody_from_learning() {
    let nodes = Nodes::start();
    let urls = [nodes.masters[0].url(), "redis://127.0.0.1:1".to_owned(), nodes.masters[1].url()];
    for _ in 0..10 {
        let redis = Redis::cluster(&urls).build().expect("a backend");
        redis.initialize().await.expect("one answers");
        for slots in SLOTS {
            answer(&redis, client_in(&nodes.masters[1], &slots)).await.expect("a decision");
        }
    }
    nodes.masters[0].stop();
    let redis = Redis::cluster(&urls).build().expect("a backend");
    let started = Instant::now();
    redis.initialize().await.expect_err("one hangs");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    answer(&redis, client_in(&nodes.masters[1], &SLOTS[1])).await.expect("the others are there");
    nodes.masters[0].resume();
}
