//! Connections over long distances, and the cost of opening them.

use std::time::{Duration, Instant};

use throttle_runtime::ErrorKind;
use throttle_runtime::backend::{Backend, Redis};

use crate::proxy::Proxy;
use crate::server::Server;
use crate::server_redis::{self, Way};
use crate::world::{World, patient};

/// The delay in each direction, so a round trip takes twice as long.
const FAR: Duration = Duration::from_millis(200);

/// An application that is far away from its server.
async fn connects(world: World) {
    world.proxy.delay(FAR);
    let (_registry, throttle) = world.server.throttle(world.proxy.port, patient()).await;
    assert!(throttle.hit(0_u32).await.expect("a decision").is_allowed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f63_a_server_that_is_far_away_can_be_connected_to() {
    connects(World::redis().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f63_a_cluster_and_a_master_behind_sentinels_that_are_far_away_can_be_connected_to() {
    connects(World::sentinel().await).await;
    connects(World::cluster().await).await;
}

/// The error contains the completed steps, and the step that did not complete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f63_the_timeout_can_be_set_and_its_error_names_the_step() {
    let server = server_redis::Server::start();
    let proxy = Proxy::before(server.port);
    let connect = async |timeout: Duration| {
        let redis = Redis::builder(&format!("redis://127.0.0.1:{}", proxy.port)).connect_timeout(timeout);
        let redis = redis.build().expect("a backend");
        let begun = Instant::now();
        (redis.initialize().await, begun.elapsed())
    };
    proxy.blackhole();
    let (answer, elapsed) = connect(Duration::from_millis(300)).await;
    let error = answer.expect_err("nobody answers");
    assert!(elapsed >= Duration::from_millis(300) && elapsed < Duration::from_secs(2), "{elapsed:?}");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let said = error.to_string();
    let step = format!("checking 127.0.0.1:{} and loading scripts has not ended after", proxy.port);
    assert!(said.contains("no connection to Redis within 300ms") && said.contains(&step), "{said}");
    assert!(said.contains(&format!("connecting to 127.0.0.1:{} took", proxy.port)), "{said}");
    // Longer than the default timeout.
    proxy.delay(Duration::from_millis(1_200));
    let (answer, elapsed) = connect(Duration::from_secs(60)).await;
    answer.expect("a connection");
    assert!(elapsed > Duration::from_secs(2), "{elapsed:?}");
}

/// Sentinels that hang are a separate step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f63_a_sentinel_that_hangs_is_named_as_the_step() {
    let server = Server::redis(Way::Alone);
    let proxy = Proxy::before(server.port());
    proxy.blackhole();
    let redis = Redis::sentinel([format!("redis://127.0.0.1:{}", proxy.port)], "main");
    let redis = redis.connect_timeout(Duration::from_millis(400)).build().expect("a backend");
    let said = redis.initialize().await.expect_err("nobody answers").to_string();
    // On a busy machine, the whole attempt may end first, in the same step.
    assert!(
        said.contains("no sentinel responded within 240ms") || said.contains("querying the sentinels"),
        "{said}"
    );
}
