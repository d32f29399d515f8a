//! A short run of `throttle-bench -- soak`.

#[path = "process/redis.rs"]
mod server;
#[path = "../bench/src/soak/mod.rs"]
mod soak;

use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_holds_while_its_store_comes_and_goes() {
    let seed = std::env::var("THROTTLE_SEED").ok().and_then(|seed| seed.parse().ok());
    let summary = soak::run(Duration::from_secs(12), seed.unwrap_or_else(|| fastrand::u64(..))).await;
    let summary = summary.expect("a server");
    assert_eq!(summary.problems(), Vec::<String>::new(), "{summary}");
}
