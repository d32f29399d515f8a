//! Every fault again, for a throttle with a fallback: no request sees an error, no request waits longer than
//! the budget, and in total no more pass than the limit.

use std::time::{Duration, Instant};

use throttle_runtime::breaker::State;
use throttle_runtime::{
    CircuitBreaker, DecisionReason, ErrorKind, Rate, Recovery, Registry, Settings, Throttle, failover,
};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::on_each;
use crate::tally::{DEADLINE, SLACK, Watch};
use crate::world::{PATIENCE, World};

on_each! {
    refused,
    a_black_hole,
    replies_that_are_swallowed,
    too_late,
    cut_at_any_byte,
    nonsense,
    stranded,
    flapping,
    packets_that_are_lost,
    connections_that_are_cut_again_and_again,
    a_crowd,
    gone_and_empty_when_it_is_back,
    the_runtime_ends,
}

const BREAKER: CircuitBreaker = CircuitBreaker::new()
    .failure_threshold(3)
    .recovery_timeout(Duration::from_millis(200))
    .success_threshold(1);

const RECOVERY: Recovery = failover("memory", BREAKER).retry_on(&[ErrorKind::Connection, ErrorKind::Store]);

/// The limit of the client in total. It makes more requests during the fault and before it.
pub(crate) const LIMIT: u64 = 80;

/// Three attempts, and the waits of 50 and 100 ms between them.
pub(crate) const BUDGET: Duration = Duration::from_millis(450);

/// One client, from before the fault until after it.
pub(crate) struct Client {
    pub(crate) throttle: Throttle,
    _registry: Registry,
    pub(crate) admitted: u64,
    /// How many requests the fallback decided after a failure. Each may be charged on the server, too.
    pub(crate) failed: u64,
}

impl Client {
    pub(crate) async fn new(world: &World) -> Self {
        for _ in 0..5 {
            let settings = Settings::new().rate(Rate::per_day(LIMIT)).timeout(DEADLINE).on_error(RECOVERY);
            let (registry, throttle) = world.server.throttle(world.proxy.port, settings).await;
            let mut client = Self { throttle, _registry: registry, admitted: 0, failed: 0 };
            client.asks(40).await;
            if (client.admitted, client.failed) == (40, 0) {
                return client;
            }
            // A machine that stands still for a deadline causes a fault of its own.
            world.server.forget();
        }
        panic!("it begins well");
    }

    /// Makes one request. Returns whether it passed, and its source.
    pub(crate) async fn ask(&mut self) -> (bool, DecisionReason) {
        let asked = Watch::start();
        let decision = self.throttle.hit("a client").await.expect("nobody sees an error");
        let took = asked.elapsed();
        assert!(took < BUDGET + DEADLINE + SLACK, "{took:?}");
        self.admitted += u64::from(decision.is_allowed());
        self.failed += u64::from(decision.reason() == DecisionReason::Fallback);
        (decision.is_allowed(), decision.reason())
    }

    /// Sets the deadline of later requests.
    pub(crate) fn waits(&self, deadline: Duration) {
        self.throttle.update(Settings::new().timeout(deadline)).expect("an update");
    }

    pub(crate) async fn asks(&mut self, count: u32) {
        for _ in 0..count {
            self.ask().await;
        }
    }

    /// The fault is over: soon the backend decides again, and in total no more have passed than the limit.
    pub(crate) async fn ends(self) {
        assert!(self.failed > 0, "there was a fault");
        self.comes_back().await;
    }

    async fn comes_back(mut self) {
        let healed = Instant::now();
        let breaker = self.throttle.breaker().expect("there is one");
        while self.ask().await.1 != DecisionReason::Backend || breaker.snapshot().state != State::Closed {
            assert!(healed.elapsed() < Duration::from_secs(5), "it does not come back");
            sleep(Duration::from_millis(20)).await;
        }
        while self.ask().await.0 {}
        assert!(self.admitted <= LIMIT, "{} passed, not {LIMIT}", self.admitted);
        assert!(
            self.admitted + self.failed + 2 >= LIMIT,
            "only {} passed; {} failed",
            self.admitted,
            self.failed
        );
    }
}

/// Row 1.
async fn refused(mut world: World) {
    let mut client = Client::new(&world).await;
    world.proxy.refuse().await;
    world.proxy.cut().await;
    client.asks(60).await;
    world.proxy.listen();
    client.ends().await;
}

/// Row 2.
async fn a_black_hole(world: World) {
    let mut client = Client::new(&world).await;
    world.proxy.blackhole();
    client.asks(60).await;
    world.proxy.pass();
    client.ends().await;
}

/// Row 3, and replies that are lost after a write.
async fn replies_that_are_swallowed(world: World) {
    let mut client = Client::new(&world).await;
    world.proxy.swallow_replies();
    client.asks(60).await;
    world.proxy.pass();
    client.ends().await;
}

/// Rows 5 and 18.
async fn too_late(world: World) {
    let mut client = Client::new(&world).await;
    world.proxy.delay(DEADLINE);
    client.asks(60).await;
    world.proxy.pass();
    client.ends().await;
}

/// Row 18.
async fn cut_at_any_byte(world: World) {
    let mut client = Client::new(&world).await;
    for bytes in 0..12 {
        world.proxy.cut_after(bytes);
        client.asks(3).await;
        world.proxy.pass();
        client.asks(3).await;
    }
    client.ends().await;
}

/// Row 18.
async fn nonsense(world: World) {
    let mut client = Client::new(&world).await;
    world.proxy.corrupt();
    client.asks(60).await;
    world.proxy.pass();
    client.ends().await;
}

/// Row 19.
async fn stranded(world: World) {
    let mut client = Client::new(&world).await;
    world.proxy.strand();
    client.asks(60).await;
    world.proxy.pass();
    client.ends().await;
}

/// A server that comes and goes.
async fn flapping(mut world: World) {
    let mut client = Client::new(&world).await;
    for _ in 0..5 {
        world.proxy.refuse().await;
        world.proxy.cut().await;
        client.asks(10).await;
        sleep(Duration::from_millis(200)).await;
        world.proxy.listen();
        client.asks(10).await;
        sleep(Duration::from_millis(200)).await;
    }
    client.ends().await;
}

/// Row 17.
async fn packets_that_are_lost(world: World) {
    let mut client = Client::new(&world).await;
    world.proxy.lose(30);
    client.asks(60).await;
    world.proxy.pass();
    client.ends().await;
}

/// Row 20: another connection is open before the last attempt.
async fn connections_that_are_cut_again_and_again(world: World) {
    let mut client = Client::new(&world).await;
    for _ in 0..10 {
        let (before, cut) = (world.proxy.accepted(), Instant::now());
        world.proxy.cut().await;
        client.asks(6).await;
        while world.proxy.accepted() == before {
            assert!(cut.elapsed() < Duration::from_secs(30), "no other connection is open");
            client.ask().await;
        }
    }
    client.comes_back().await;
}

/// Row 21: far more than may wait, and none of them is later than the others.
async fn a_crowd(world: World) {
    let mut client = Client::new(&world).await;
    world.proxy.blackhole();
    let mut crowd = JoinSet::new();
    for _ in 0..500 {
        let throttle = client.throttle.clone();
        crowd.spawn(async move {
            let asked = Watch::start();
            let decision = throttle.hit("a client").await.expect("nobody sees an error");
            (decision.is_allowed(), decision.reason() == DecisionReason::Fallback, asked.elapsed())
        });
    }
    for (passed, failed, took) in crowd.join_all().await {
        // All of them together take some time in a debug build, for which no other request waits.
        assert!(took < BUDGET + DEADLINE + 4 * SLACK, "{took:?}");
        client.admitted += u64::from(passed);
        client.failed += u64::from(failed);
    }
    world.proxy.cut().await;
    world.proxy.pass();
    client.ends().await;
}

/// Rows 1 and 25.
async fn gone_and_empty_when_it_is_back(mut world: World) {
    let mut client = Client::new(&world).await;
    world.proxy.refuse().await;
    world.proxy.cut().await;
    client.asks(20).await;
    world.server.forget();
    world.proxy.listen();
    client.ends().await;
}

/// Row 30: the connections and the calls in progress end with it.
async fn the_runtime_ends(world: World) {
    const UNDER_WAY: u32 = 10;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    // A thread may not wait for one runtime from within another.
    let (runtime, mut client) = std::thread::scope(|scope| {
        let start = scope.spawn(|| {
            let client = runtime.block_on(Client::new(&world));
            (runtime, client)
        });
        start.join().expect("a client of the other runtime")
    });
    // No request meets its deadline before the runtime ends.
    client.waits(PATIENCE);
    world.proxy.blackhole();
    let waiting: Vec<_> = (0..UNDER_WAY)
        .map(|_| {
            let throttle = client.throttle.clone();
            runtime.spawn(async move { throttle.hit("a client").await })
        })
        .collect();
    sleep(DEADLINE / 4).await;
    runtime.shutdown_background();
    for waiting in waiting {
        assert!(waiting.await.is_err(), "it ended with its runtime");
    }
    client.waits(DEADLINE);
    client.failed += u64::from(UNDER_WAY);
    client.asks(20).await;
    world.proxy.pass();
    client.ends().await;
}
