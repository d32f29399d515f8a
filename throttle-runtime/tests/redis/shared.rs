//! Breakers that two instances share through a server, with separate clocks.

use std::time::Duration;

use throttle_runtime::backend::{Backend, CoordinationStore, Redis};
use throttle_runtime::breaker::State;
use throttle_runtime::{DecisionReason, Throttle};
use tokio::time::sleep;

use crate::instances::{BREAKER, HOUR, Instance, eventually};
use crate::losses::{listen, losses};
use crate::nodes::Nodes;
use crate::server::Server;

#[tokio::test]
async fn b061_one_instance_opens_for_all_and_closes_for_all() {
    let server = Server::start();
    let [a, b] = [Instance::new(server.backend()).await, Instance::new(server.backend()).await];
    b.primary.calls();
    a.open().await;
    eventually(|| b.state() == State::Open).await;
    b.assert_spared(&b.hits(100).await);
    // The shared state lives an hour, minus the time that has passed, plus the head start of A.
    let ttl: u64 = server.ask("PTTL throttle:board:0::primary");
    assert!((HOUR.as_secs() * 1_000 - 10_000..=HOUR.as_secs() * 1_000 + 2_000).contains(&ttl), "{ttl}");
    assert!(!b.may_probe());
    a.close().await;
    eventually(|| b.may_probe()).await;
    // The first call also charges what the fallback has admitted.
    assert_eq!((b.hit().await, b.state(), b.primary.calls()), (DecisionReason::Backend, State::Closed, 2));
    assert_eq!(server.ask::<u64>("DBSIZE"), 0);
}

#[tokio::test]
async fn b061_without_the_board_each_goes_on_by_itself_with_one_warning() {
    listen();
    let server = Server::start();
    let [a, b] = [Instance::new(server.backend()).await, Instance::new(server.backend()).await];
    let restart = server.kill();
    eventually(|| losses().0 == 2).await;
    a.open().await;
    b.primary.calls();
    // Long enough for several reads of a board that is unreachable.
    sleep(Duration::from_millis(1_200)).await;
    assert_eq!((b.state(), b.hit().await, b.primary.calls()), (State::Closed, DecisionReason::Backend, 1));
    assert_eq!(losses(), (2, 0), "one of each");
    let server = restart();
    eventually(|| b.state() == State::Open).await;
    b.assert_spared(&b.hits(10).await);
    eventually(|| losses() == (2, 2)).await;
    a.close().await;
    eventually(|| b.may_probe()).await;
    drop(server);
}

#[tokio::test]
async fn a_breaker_may_be_shared_through_what_it_guards() {
    listen();
    let server = Server::start();
    let instance = Instance::new(server.backend()).await;
    let settings = throttle_runtime::Settings::new().rate("1000/min").backend("board");
    let breaker = BREAKER.named("itself");
    let settings = settings.on_error(throttle_runtime::failover("memory", breaker).retries(0));
    let throttle: Throttle = instance.registry.create("itself", settings).expect("nothing is wrong");
    let restart = server.kill();
    for _ in 0..5 {
        let _ = throttle.hit("a").await.expect("a decision");
    }
    eventually(|| losses().0 == 1).await;
    assert_eq!(throttle.breaker().expect("there is one").snapshot().state, State::Open);
    let server = restart();
    eventually(|| losses() == (1, 1)).await;
    instance.clock.advance(HOUR);
    assert_eq!(throttle.hit("a").await.expect("a decision").reason(), DecisionReason::Backend);
    drop(server);
}

async fn keeps_words(redis: &Redis) {
    redis.initialize().await.expect("a connection");
    let board: &dyn CoordinationStore = redis.coordination_store().expect("a board");
    for (name, word) in [("a", 1), ("{b} c\u{e4}\r\n", u64::MAX), ("", 0)] {
        assert_eq!(board.get(name).await.expect("an answer"), None);
        board.put(name, 5, Duration::MAX).await.expect("any time");
        board.put(name, word, HOUR).await.expect("posted");
        redis.reset().await.expect("a reset");
        assert_eq!(board.get(name).await.expect("an answer"), Some(word), "a reset is of states");
        board.delete(name).await.expect("removed");
        board.delete(name).await.expect("again");
        assert_eq!(board.get(name).await.expect("an answer"), None);
        board.put(name, word, Duration::ZERO).await.expect("posted");
        sleep(Duration::from_millis(20)).await;
        assert_eq!(board.get(name).await.expect("an answer"), None);
    }
}

#[tokio::test]
async fn words_are_kept_until_their_time_is_over() {
    let server = Server::start();
    keeps_words(&server.backend()).await;
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    let board = redis.coordination_store().expect("a board");
    let () = server.ask("SET throttle:board:strange words");
    let () = server.ask("RPUSH throttle:board:list words");
    for name in ["strange", "list"] {
        assert_eq!(board.get(name).await.expect("an answer"), None);
        board.put(name, 1, HOUR).await.expect("posted");
        assert_eq!(board.get(name).await.expect("an answer"), Some(1));
    }
}

#[tokio::test]
async fn words_are_kept_on_a_cluster() {
    let nodes = Nodes::shared();
    keeps_words(&nodes.builder().namespace("words").build().expect("a backend")).await;
}
