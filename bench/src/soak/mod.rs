//! `soak`: a throttle on a Redis server that is killed, paused and restarted at random.
//!
//! The same seed produces the same schedule of faults.

mod faults;
mod load;
mod summary;

use std::error::Error;
use std::time::{Duration, Instant};

use throttle::backend::Redis;
use throttle::breaker::State;
use throttle::strategy::TokenBucket;
use throttle::{CircuitBreaker, Rate, Registry, Settings, Throttle, failover, registry};

pub(crate) use self::summary::Summary;
use crate::server;

/// The limit of each client: the burst, and the requests per second.
const LIMIT: u64 = 50;

/// The time budget of all attempts at Redis and the waits between them: three timeouts of 100 ms, and 150 ms
/// of waits.
const BUDGET: Duration = Duration::from_millis(450);

const RECOVERY: Duration = Duration::from_millis(250);

const BREAKER: CircuitBreaker =
    CircuitBreaker::new().failure_threshold(3).recovery_timeout(RECOVERY).success_threshold(1);

/// Runs the test for `duration`, and returns its results.
pub(crate) async fn run(duration: Duration, seed: u64) -> Result<Summary, Box<dyn Error>> {
    let mut server = server::Redis::start();
    let (_registry, throttle) = throttled(&server.url()).await?;
    let began = Instant::now();
    let load = load::start(&throttle, began + duration);
    let faults = faults::inject(&mut server, seed, began + duration).await;
    let seen = load.end().await;
    let elapsed = began.elapsed();
    Ok(Summary { seed, faults, seen, elapsed, counts: throttle.counts(), back_after: back(&throttle).await })
}

async fn throttled(url: &str) -> Result<(Registry, Throttle), Box<dyn Error>> {
    let redis = Redis::builder(url).namespace("soak").build()?;
    let registry = registry().backend("redis", redis).build().await?;
    let settings = Settings::new()
        .rate(Rate::per_second(LIMIT))
        .strategy(TokenBucket::new().burst(LIMIT))
        .backend("redis")
        .on_error(failover("memory", BREAKER));
    let throttle = registry.create("soak", settings)?;
    Ok((registry, throttle))
}

/// Returns how long after the last fault the throttle uses Redis again, or `None` if it takes more than 5
/// seconds.
async fn back(throttle: &Throttle) -> Option<Duration> {
    let healed = Instant::now();
    let breaker = throttle.breaker()?;
    while healed.elapsed() < Duration::from_secs(5) {
        let _ = throttle.hit("probe").await;
        if breaker.snapshot().state == State::Closed {
            return Some(healed.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    None
}
