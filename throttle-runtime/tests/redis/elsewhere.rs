//! The properties of a single server also apply behind sentinels and on a cluster.

use std::error::Error;

use throttle_runtime::backend::{Backend, Charge, Mode, Redis, RedisBuilder};
use throttle_runtime::strategy::{FixedWindow, Strategy};
use throttle_runtime::{ErrorKind, Key, Quota, Rate, registry};

use crate::decisions::Unknown;
use crate::fleet::Fleet;
use crate::nodes::Nodes;
use crate::server::Server;
use crate::strategies::each;

async fn admitted(redis: &Redis, strategy: &dyn Strategy, rates: &[Rate]) -> bool {
    let key = Key::from("a");
    let charges = [Charge::new("t", &key, strategy, rates, 1)];
    redis.decide(&charges, Mode::Consume).await.expect("a decision").quotas.iter().all(Quota::fits)
}

/// The stored states are damaged in every way.
async fn damaged_states_count_as_none(builder: RedisBuilder, namespace: &str, masters: &[&Server]) {
    let redis = builder.namespace(namespace).build().expect("a backend");
    redis.initialize().await.expect("a connection");
    let names = || -> Vec<(&Server, String)> {
        let of = |master| -> Vec<String> { Server::ask(master, &format!("KEYS {namespace}:*")) };
        masters.iter().flat_map(|master| of(master).into_iter().map(|name| (*master, name))).collect()
    };
    for strategy in each() {
        for broken in ["abc", "NaN", "0123456789abcdef", "0123456789abcdef01234567890123456", "\u{fffd}"] {
            assert!(admitted(&redis, &*strategy, &[Rate::per_minute(5)]).await, "{}", strategy.name());
            for (master, name) in names() {
                let () = master.ask(&format!("SET {name} {broken}"));
            }
            let again = admitted(&redis, &*strategy, &[Rate::per_minute(5)]).await;
            assert!(again, "{} after {broken}", strategy.name());
            redis.reset().await.expect("a reset");
        }
    }
}

#[tokio::test]
async fn b079_damaged_states_behind_sentinels_count_as_none() {
    let fleet = Fleet::shared();
    damaged_states_count_as_none(fleet.builder(), "damaged", &[&fleet.master]).await;
}

#[tokio::test]
async fn b079_damaged_states_on_a_cluster_count_as_none() {
    let nodes = Nodes::shared();
    let masters: Vec<_> = nodes.masters.iter().collect();
    damaged_states_count_as_none(nodes.builder(), "damaged", &masters).await;
}

#[tokio::test]
async fn b078_any_strategy_is_exact_behind_sentinels() {
    let fleet = Fleet::shared();
    let redis = fleet.builder().namespace("unknown").build().expect("a backend");
    redis.initialize().await.expect("a connection");
    let mut passed = 0;
    for _ in 0..30 {
        passed += u32::from(admitted(&redis, &Unknown, &[Rate::per_day(20)]).await);
    }
    assert_eq!(passed, 20);
}

#[tokio::test]
async fn b076_errors_behind_sentinels_and_of_a_cluster_keep_their_source() {
    let (fleet, nodes) = (Fleet::shared(), Nodes::shared());
    for builder in [fleet.builder(), nodes.builder()] {
        let redis = builder.username("nobody").password("s3cret").build().expect("a backend");
        let error = redis.initialize().await.expect_err("a user that nobody knows");
        assert!(error.source().is_some(), "{error:?}");
        assert!(!format!("{error} {error:?} {redis:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn b077_sentinels_and_clusters_that_are_not_there_stop_the_start() {
    let gone = Server::start().url();
    let backends = || [Redis::sentinel([&gone], "it"), Redis::cluster([&gone])].map(RedisBuilder::build);
    for redis in backends() {
        let start = registry().backend("redis", redis.expect("a backend")).build();
        let error = start.await.expect_err("nobody is there").to_string();
        assert!(error.contains("the backend \"redis\" cannot be initialised"), "{error}");
    }
    for redis in backends().map(|redis| redis.expect("a backend")) {
        let (key, rates) = (Key::from("a"), [Rate::per_day(1)]);
        let charges = [Charge::new("t", &key, &FixedWindow, &rates, 1)];
        let error = redis.decide(&charges, Mode::Consume).await.expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::Connection, "{error:?}");
    }
}

#[tokio::test]
async fn b075_a_backend_behind_sentinels_that_is_closed_says_so() {
    let fleet = Fleet::shared();
    let redis = fleet.builder().namespace("closed").build().expect("a backend");
    redis.initialize().await.expect("a connection");
    redis.close().await.expect("closed");
    let (key, rates) = (Key::from("a"), [Rate::per_day(1)]);
    let charges = [Charge::new("t", &key, &FixedWindow, &rates, 1)];
    let error = redis.decide(&charges, Mode::Consume).await.expect_err("closed");
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(redis.initialize().await.is_err() && !redis.is_connected());
}
