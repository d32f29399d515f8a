//! The process itself is paused: by a blocking call on its only thread, or by a signal, like a CPU limit. The
//! pause is no evidence about the store.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use throttle_runtime::breaker::State;
use throttle_runtime::{
    CircuitBreaker, Decision, DecisionReason, Rate, Recovery, Registry, Settings, Throttle, failover,
};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};

use crate::proxy::Proxy;
use crate::server::Server;
use crate::server_redis::Way;
use crate::signal;
use crate::tally::DEADLINE;

/// Longer than the deadline.
const PAUSE: Duration = Duration::from_millis(150);

/// A deadline that is met on a busy machine, too.
const PATIENCE: Duration = Duration::from_millis(400);

/// Longer than `PATIENCE`.
const LONG_PAUSE: Duration = Duration::from_millis(600);

/// The number of requests that wait meanwhile.
const HITS: u32 = 20;

/// A breaker that closes again only after a minute.
const BREAKER: CircuitBreaker = CircuitBreaker::new().failure_threshold(5);

const RECOVERY: Recovery = failover("memory", BREAKER);

fn settings() -> Settings {
    Settings::new().rate(Rate::per_day(1_000_000)).timeout(DEADLINE).on_error(RECOVERY)
}

/// A server and a proxy that continue while the process that uses them is paused.
struct Outside {
    runtime: Runtime,
    proxy: Proxy,
    server: Server,
}

impl Outside {
    fn new(mut server: Server, delay: Duration) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let proxy = runtime.block_on(async { Proxy::before(server.port()) });
        server.is_reached_by(proxy.port);
        proxy.delay(delay);
        Self { runtime, proxy, server }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _entered = self.runtime.enter();
    }
}

async fn crowd(throttle: &Throttle) -> JoinSet<Decision> {
    let mut hits = JoinSet::new();
    for client in 0..HITS {
        let throttle = throttle.clone();
        hits.spawn(async move { throttle.hit(client).await.expect("a decision") });
    }
    // As many calls are sent as may be in progress concurrently.
    for _ in 0..10 {
        yield_now().await;
    }
    hits
}

fn expect_well(registry: &Registry, decisions: &[Decision]) {
    let sources: Vec<_> = decisions.iter().map(Decision::reason).collect();
    assert!(sources.iter().all(|source| *source == DecisionReason::Backend), "{sources:?}");
    let breakers = registry.breakers();
    assert!(breakers.iter().all(|breaker| breaker.snapshot().state == State::Closed), "{breakers:?}");
    assert!(breakers.iter().all(|breaker| breaker.snapshot().failures == 0), "{breakers:?}");
}

/// The runtime has one thread. One request blocks it while others wait for their replies.
fn a_blocking_call_costs_nobody_a_decision(server: Server, delay: Duration, pause: Duration) {
    let outside = Outside::new(server, delay);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let settings = settings().timeout(PATIENCE);
        let (registry, throttle) = outside.server.throttle(outside.proxy.port, settings).await;
        expect_well(&registry, &crowd(&throttle).await.join_all().await);
        let connections = outside.proxy.accepted();
        for _ in 0..3 {
            let hits = crowd(&throttle).await;
            thread::sleep(pause);
            expect_well(&registry, &hits.join_all().await);
        }
        assert_eq!(outside.proxy.accepted(), connections, "the connection is of use");
    });
}

/// The Memcached backend gives up a connection after a second of silence, so some pauses are longer than that.
#[test]
fn f61_a_blocking_call_is_not_taken_for_a_dead_redis() {
    for (delay, pause) in [(2, LONG_PAUSE), (3, LONG_PAUSE), (0, LONG_PAUSE * 2)] {
        a_blocking_call_costs_nobody_a_decision(
            Server::redis(Way::Alone),
            Duration::from_millis(delay),
            pause,
        );
    }
}

#[test]
fn f61_a_blocking_call_is_not_taken_for_a_dead_cluster_or_sentinel() {
    for way in [Way::Cluster, Way::Sentinel] {
        a_blocking_call_costs_nobody_a_decision(Server::redis(way), Duration::from_millis(2), LONG_PAUSE);
    }
}

#[test]
fn f61_a_blocking_call_is_not_taken_for_a_dead_memcached() {
    for (delay, pause) in [(2, LONG_PAUSE), (0, LONG_PAUSE * 2)] {
        a_blocking_call_costs_nobody_a_decision(Server::memcached(), Duration::from_millis(delay), pause);
    }
}

/// The network is paused, too, like that of a virtual machine: no reply is there when the process continues. The
/// Memcached backend must not take the pause for a second of silence.
#[test]
fn f61_replies_that_arrive_after_the_pause_are_read() {
    let outside = Outside::new(Server::memcached(), Duration::ZERO);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // No request reaches its deadline, so only the connection can fail.
        let settings = settings().timeout(LONG_PAUSE * 20);
        let (registry, throttle) = outside.server.throttle(outside.proxy.port, settings).await;
        expect_well(&registry, &crowd(&throttle).await.join_all().await);
        let connections = outside.proxy.accepted();
        for _ in 0..3 {
            outside.proxy.blackhole();
            let hits = crowd(&throttle).await;
            thread::sleep(LONG_PAUSE * 2);
            outside.proxy.pass();
            expect_well(&registry, &hits.join_all().await);
        }
        assert_eq!(outside.proxy.accepted(), connections, "the connection is of use");
    });
}

/// Callers with their own timeout drop all decisions when they continue. That is no evidence about the
/// connection.
#[test]
fn f61_requests_that_are_dropped_after_a_pause_cost_no_connection() {
    let outside = Outside::new(Server::redis(Way::Alone), Duration::from_millis(2));
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let settings = settings().timeout(PATIENCE);
        let (registry, throttle) = outside.server.throttle(outside.proxy.port, settings).await;
        expect_well(&registry, &crowd(&throttle).await.join_all().await);
        let connections = outside.proxy.accepted();
        let mut hits = JoinSet::new();
        for client in 0..HITS {
            let throttle = throttle.clone();
            hits.spawn(async move { timeout(DEADLINE / 2, throttle.hit(client)).await.is_ok() });
        }
        for _ in 0..10 {
            yield_now().await;
        }
        thread::sleep(PAUSE);
        hits.join_all().await;
        // Longer than the wait for any liveness check after a handshake without delay.
        sleep(DEADLINE * 2).await;
        expect_well(&registry, &crowd(&throttle).await.join_all().await);
        assert_eq!(outside.proxy.accepted(), connections, "the connection is of use");
    });
}

/// The variable that tells the test's own program that it is the paused process, with the port of the server.
const CHILD: &str = "F61_PORT";

/// Not a test by itself: the process that the test below stops.
#[test]
fn f61_child() {
    let Ok(port) = std::env::var(CHILD) else { return };
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    thread::spawn(move || {
        // The other process closes the pipe when it has paused this process often enough, or has ended.
        let _ = std::io::stdin().read(&mut [0]);
        over.store(true, Ordering::Relaxed);
    });
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let redis = throttle_runtime::backend::Redis::builder(&format!("redis://127.0.0.1:{port}"));
        let redis = redis.remember_denied(false).build().expect("a backend");
        let registry =
            throttle_runtime::registry().backend("store", redis).build().await.expect("a registry");
        let settings = settings().timeout(PATIENCE).backend("store");
        let throttle = registry.create("limit", settings).expect("a throttle");
        let mut clients = JoinSet::new();
        for client in 0..HITS {
            let (throttle, is_over) = (throttle.clone(), Arc::clone(&is_over));
            clients.spawn(async move {
                let mut others = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let decision = throttle.hit(client).await.expect("a decision");
                    others += u32::from(decision.reason() != DecisionReason::Backend);
                }
                others
            });
        }
        let others: u32 = clients.join_all().await.into_iter().sum();
        println!("by others: {others}; breakers: {:?}", registry.breakers());
        assert_eq!(others, 0, "{:?}", registry.breakers());
        expect_well(&registry, &[]);
    });
}

#[test]
fn f61_a_process_that_is_stopped_and_goes_on_is_decided_by_redis() {
    let server = crate::server_redis::Server::start();
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "paused::f61_child", "--nocapture"])
        .env(CHILD, server.port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the process");
    let begun = Instant::now();
    while server.calls("evalsha") < 100 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the process does not begin");
        thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..3 {
        signal::send(child.id(), "-STOP");
        thread::sleep(LONG_PAUSE);
        signal::send(child.id(), "-CONT");
        thread::sleep(Duration::from_millis(100));
    }
    drop(child.stdin.take());
    let output = child.wait_with_output().expect("an end");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("by others: 0"), "{said}");
}
