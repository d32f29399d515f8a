//! Slots that move between nodes while they are in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use throttle_runtime::backend::{Backend, Charge, Mode, Redis};
use throttle_runtime::strategy::FixedWindow;
use throttle_runtime::{BackendError, Key, Quota, Rate};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::fleet::until;
use crate::nodes::{Nodes, SLOTS, client_in, id, slot_of};
use crate::server::Server;

const LIMIT: u64 = 1_000_000;

/// Decides about clients on different nodes, and returns what is left for each.
async fn decide(redis: &Redis, keys: &[Key], cost: u64) -> Result<Vec<u64>, BackendError> {
    let rates = [Rate::per_day(LIMIT)];
    let charges: Vec<_> = keys.iter().map(|key| Charge::new("t", key, &FixedWindow, &rates, cost)).collect();
    let verdict = redis.decide(&charges, Mode::Consume).await?;
    Ok(verdict.quotas.iter().map(Quota::remaining).collect())
}

/// Decides about the first client and about both while the flag is set. Returns how often each decision was
/// admitted, and the errors.
fn load(
    redis: &Arc<Redis>,
    keys: &[Key; 2],
    on: &Arc<AtomicBool>,
) -> JoinHandle<([u64; 2], Vec<BackendError>)> {
    let (redis, keys, on) = (redis.clone(), keys.clone(), on.clone());
    tokio::spawn(async move {
        let (mut admitted, mut failed) = ([0, 0], Vec::new());
        while on.load(Ordering::Relaxed) {
            for of in 1..=2 {
                match decide(&redis, &keys[..of], 1).await {
                    Ok(_) => admitted[..of].iter_mut().for_each(|admitted| *admitted += 1),
                    Err(error) => failed.push(error),
                }
            }
            sleep(Duration::from_millis(1)).await;
        }
        (admitted, failed)
    })
}

/// Moves the slot of a client under load to a node, and returns the errors that occurred meanwhile.
async fn move_under_load(nodes: &Nodes, to: &Server) -> Vec<BackendError> {
    let from = &nodes.masters[0];
    let redis = Arc::new(nodes.builder().build().expect("a backend"));
    redis.initialize().await.expect("a connection");
    let keys = [0, 2].map(|at| Key::from(client_in(from, &SLOTS[at])));
    let slot = slot_of(from, &keys[0]);
    decide(&redis, &keys, 0).await.expect("a decision");
    let on = Arc::new(AtomicBool::new(true));
    let load = load(&redis, &keys, &on);
    let pause = || sleep(Duration::from_millis(300));
    pause().await;
    let () = to.ask(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(from)));
    let () = from.ask(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(to)));
    pause().await;
    let names: Vec<String> = from.ask(&format!("CLUSTER GETKEYSINSLOT {slot} 10"));
    assert_eq!(names.len(), 1);
    let () = from.ask(&format!("MIGRATE 127.0.0.1 {} {} 0 1000", to.port, names[0]));
    pause().await;
    let moved = Instant::now();
    while to.calls("asking") == 0 {
        assert!(moved.elapsed() < Duration::from_secs(10), "it is not asked while it is not the master yet");
        pause().await;
    }
    for node in nodes.masters.iter().chain([to]) {
        let () = node.ask(&format!("CLUSTER SETSLOT {slot} NODE {}", id(to)));
    }
    pause().await;
    on.store(false, Ordering::Relaxed);
    let (admitted, failed) = load.await.expect("the load");
    assert!(admitted[1] > 20, "there was load: {admitted:?}");
    let left = decide(&redis, &keys, 0).await.expect("a decision");
    let taken: Vec<_> = left.iter().map(|left| LIMIT - left).collect();
    assert_eq!(taken, admitted, "each paid once for what was admitted: {failed:?}");
    let before = from.calls("evalsha");
    for _ in 0..20 {
        decide(&redis, &keys[..1], 1).await.expect("a decision");
    }
    assert_eq!(from.calls("evalsha"), before, "it is known where the slot is");
    failed
}

#[tokio::test]
async fn a_slot_that_moves_costs_nobody_anything_and_is_charged_once() {
    let nodes = Nodes::start();
    let failed = move_under_load(&nodes, &nodes.masters[1]).await;
    assert!(failed.is_empty(), "{failed:?}");
}

/// A request that is redirected to an unknown node has no connection to it.
#[tokio::test]
async fn a_slot_that_moves_to_a_new_node_costs_what_comes_before_there_is_a_connection() {
    let nodes = Nodes::start();
    let new = Server::node();
    nodes.meet(&new);
    nodes.agree(4);
    until("the new one", || new.says("CLUSTER INFO", "cluster_state:ok"));
    let failed = move_under_load(&nodes, &new).await;
    assert!((1..200).contains(&failed.len()), "{failed:?}");
    assert!(failed.iter().all(BackendError::is_safe_to_retry), "{failed:?}");
}

/// The redirection alone is enough: nothing else reports the change.
#[tokio::test]
async fn a_slot_that_has_moved_is_found_by_the_first_request() {
    let nodes = Nodes::start();
    let redis = nodes.builder().build().expect("a backend");
    redis.initialize().await.expect("a connection");
    let slot = 5_000;
    let key = Key::from(client_in(&nodes.masters[0], &(slot..=5_460)));
    let slot = slot_of(&nodes.masters[0], &key);
    for node in [2, 0, 1] {
        let () = nodes.masters[node].ask(&format!("CLUSTER SETSLOT {slot} NODE {}", id(&nodes.masters[2])));
    }
    let keys = [key];
    let calls = || nodes.masters[2].calls("evalsha") + nodes.masters[2].calls("eval");
    let before = calls();
    assert_eq!(decide(&redis, &keys, 1).await.expect("a decision"), [LIMIT - 1]);
    assert_eq!(calls() - before, 1);
    assert_eq!(decide(&redis, &keys, 1).await.expect("a decision"), [LIMIT - 2]);
}
