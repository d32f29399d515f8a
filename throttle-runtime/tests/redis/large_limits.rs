//! The cost on the server of a decision by a strategy with a list, for a large limit.

use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Mode};
use throttle_runtime::strategy::{Class, LeakyBucketQueue, PriorityQueue, SlidingWindowLog, Strategy};
use throttle_runtime::{Key, ManualClock, Quota, Rate};

use crate::server::Server;

/// The bytes of a thousand entries, and of a few more.
const MOST: u64 = 16 * 1_012;

/// Sends this many requests at intervals of 5 seconds. Returns the size of the state in bytes.
async fn fill(server: &Server, strategy: &dyn Strategy, requests: usize) -> u64 {
    let clock = ManualClock::at(1_767_226_600_123_456);
    let redis = server.builder().clock(clock.clone()).build().expect("a backend");
    redis.initialize().await.expect("a connection");
    let probes = server.calls("eval");
    let (key, rates) = (Key::from("a"), [Rate::per_day(100_000)]);
    let classes = ["low", "normal", "high", "critical"].map(Class::new);
    for hit in 0..requests {
        let mut charge = Charge::new("t", &key, strategy, &rates, if hit == 0 { 2 } else { 1 });
        charge.class = classes[hit % 4];
        clock.advance(Duration::from_secs(5));
        let verdict = redis.decide(&[charge], Mode::Consume).await.expect("a decision");
        assert!(verdict.quotas.iter().all(Quota::fits));
    }
    let name = server.ask::<Vec<String>>("KEYS *").remove(0);
    assert_eq!(server.calls("eval"), probes, "by a script each time");
    server.ask::<u64>(&format!("STRLEN {name}"))
}

#[tokio::test]
async fn f52_a_state_in_redis_does_not_grow_with_the_limit() {
    let queue = LeakyBucketQueue::new();
    let priorities = PriorityQueue::new();
    for strategy in [&SlidingWindowLog as &dyn Strategy, &priorities, &queue] {
        let server = Server::start();
        let bytes = fill(&server, strategy, 2_500).await;
        assert!(bytes <= MOST, "{}: {bytes} bytes", strategy.name());
    }
}
