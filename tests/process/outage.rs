//! The example `failover` under constant load, while Redis is killed and comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::Example;
use crate::server::Redis;

/// A response: when it came and how long it took.
struct Seen {
    at: Duration,
    took: Duration,
    status: u16,
}

/// Returns the responses that a client receives until it is told to stop.
fn load(example: &Example, began: Instant, stop: &AtomicBool) -> Vec<Seen> {
    let mut seen = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let status = example.get("/api").status;
        seen.push(Seen { at: began.elapsed(), took: asked.elapsed(), status });
        thread::sleep(Duration::from_millis(5));
    }
    seen
}

/// The maximum duration of the attempts at Redis and the waits between them: three deadlines, and 150 ms.
const BUDGET: Duration = Duration::from_millis(450);

/// The time that a busy machine may add to a request of plain HTTP. With it, a request takes less time than the
/// outage.
const SLACK: Duration = Duration::from_millis(1_500);

/// Waits until the breaker is closed, or until it is not.
fn until(example: &Example, is_closed: bool) {
    let asked = Instant::now();
    loop {
        let status = example.get("/status").body;
        if status.starts_with("breaker closed") == is_closed {
            return;
        }
        assert!(asked.elapsed() < Duration::from_secs(20), "{status}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_limit_holds_through_an_outage_and_nobody_sees_an_error() {
    let mut redis = Redis::start();
    let example = Example::start_with("failover", &[("REDIS_URL", &redis.url())]);
    let (began, stop) = (Instant::now(), AtomicBool::new(false));
    let seen: Vec<Seen> = thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| load(&example, began, &stop))).collect();
        thread::sleep(Duration::from_secs(2));
        until(&example, true);
        redis.kill();
        until(&example, false);
        thread::sleep(Duration::from_secs(3));
        redis.start_again();
        // It closes after the pause before a connection, the recovery time, and the delay of a busy machine.
        until(&example, true);
        thread::sleep(Duration::from_secs(2));
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    });
    let took = began.elapsed();
    assert!(seen.iter().all(|seen| matches!(seen.status, 200 | 429)), "an error");
    let slowest = seen.iter().max_by_key(|seen| seen.took).expect("an answer");
    assert!(slowest.took < BUDGET + SLACK, "{:?} at {:?}", slowest.took, slowest.at);
    let admitted = seen.iter().filter(|seen| seen.status == 200).count() as u64;
    // Fifty immediately and five per second, whichever backend counts.
    let bound = 50 + 5 * (took.as_secs() + 1);
    assert!(admitted <= bound, "{admitted} of at most {bound}");
    assert!(admitted >= bound - 20, "{admitted} of {bound}: an outage is no reason to deny");
}
