//! Every fault again, for a throttle that has another backend to fall back to: nobody sees an error, nobody waits longer
//! than the budget, and in all no more pass than the limit says.

use std::time::{Duration, Instant};

use throttle_runtime::breaker::State;
use throttle_runtime::{
    CircuitBreaker, ErrorKind, Rate, Recovery, Registry, Settings, Source, Throttle, failover,
};
use tokio::time::sleep;

use crate::on_each;
use crate::tally::{DEADLINE, SLACK};
use crate::world::World;

on_each! {
    refused,
    a_black_hole,
    replies_that_are_swallowed,
    too_late,
    cut_at_any_byte,
    nonsense,
    stranded,
    flapping,
}

const BREAKER: CircuitBreaker = CircuitBreaker::new()
    .failure_threshold(3)
    .recovery_timeout(Duration::from_millis(200))
    .success_threshold(1);

const RECOVERY: Recovery = failover("memory", BREAKER).retry_on(&[ErrorKind::Connection, ErrorKind::Store]);

/// What the client may have in all: less than it asks for while the fault is there, with what it had before.
const LIMIT: u64 = 80;

/// Three attempts, and the waits of 50 and 100 ms between them.
const BUDGET: Duration = Duration::from_millis(450);

/// One client, from before the fault until after it.
struct Client {
    world: World,
    throttle: Throttle,
    _registry: Registry,
    admitted: u64,
    /// How many were decided by the other backend after a failure: each may be charged at the server, too.
    failed: u64,
}

impl Client {
    async fn new(world: World) -> Self {
        let settings = Settings::new().rate(Rate::per_day(LIMIT)).deadline(DEADLINE).on_error(RECOVERY);
        let (registry, throttle) = world.server.throttle(world.proxy.port, settings).await;
        let mut client = Self { world, throttle, _registry: registry, admitted: 0, failed: 0 };
        client.asks(40).await;
        assert_eq!((client.admitted, client.failed), (40, 0), "it begins well");
        client
    }

    /// One request, and whether it passed.
    async fn ask(&mut self) -> (bool, Source) {
        let asked = Instant::now();
        let decision = self.throttle.hit("a client").await.expect("nobody sees an error");
        let took = asked.elapsed();
        assert!(took < BUDGET + DEADLINE + SLACK, "{took:?}");
        self.admitted += u64::from(decision.is_allowed());
        self.failed += u64::from(decision.source() == Source::Fallback);
        (decision.is_allowed(), decision.source())
    }

    async fn asks(&mut self, count: u32) {
        for _ in 0..count {
            self.ask().await;
        }
    }

    /// The fault is over: soon the backend decides again, and in all no more have passed than the limit says.
    async fn ends(mut self) {
        assert!(self.failed > 0, "there was a fault");
        let healed = Instant::now();
        let breaker = self.throttle.breaker().expect("there is one");
        while self.ask().await.1 != Source::Backend || breaker.info().state != State::Closed {
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
async fn refused(world: World) {
    let mut client = Client::new(world).await;
    client.world.proxy.refuse().await;
    client.world.proxy.cut().await;
    client.asks(60).await;
    client.world.proxy.listen();
    client.ends().await;
}

/// Row 2.
async fn a_black_hole(world: World) {
    let mut client = Client::new(world).await;
    client.world.proxy.blackhole();
    client.asks(60).await;
    client.world.proxy.pass();
    client.ends().await;
}

/// Row 3, and answers that are lost after a write.
async fn replies_that_are_swallowed(world: World) {
    let mut client = Client::new(world).await;
    client.world.proxy.swallow_replies();
    client.asks(60).await;
    client.world.proxy.pass();
    client.ends().await;
}

/// Rows 5 and 18.
async fn too_late(world: World) {
    let mut client = Client::new(world).await;
    client.world.proxy.delay(DEADLINE);
    client.asks(60).await;
    client.world.proxy.pass();
    client.ends().await;
}

/// Row 18.
async fn cut_at_any_byte(world: World) {
    let mut client = Client::new(world).await;
    for bytes in 0..12 {
        client.world.proxy.cut_after(bytes);
        client.asks(3).await;
        client.world.proxy.pass();
        client.asks(3).await;
    }
    client.ends().await;
}

/// Row 18.
async fn nonsense(world: World) {
    let mut client = Client::new(world).await;
    client.world.proxy.corrupt();
    client.asks(60).await;
    client.world.proxy.pass();
    client.ends().await;
}

/// Row 19.
async fn stranded(world: World) {
    let mut client = Client::new(world).await;
    client.world.proxy.strand();
    client.asks(60).await;
    client.world.proxy.pass();
    client.ends().await;
}

/// A server that comes and goes.
async fn flapping(world: World) {
    let mut client = Client::new(world).await;
    for _ in 0..5 {
        client.world.proxy.refuse().await;
        client.world.proxy.cut().await;
        client.asks(10).await;
        sleep(Duration::from_millis(200)).await;
        client.world.proxy.listen();
        client.asks(10).await;
        sleep(Duration::from_millis(200)).await;
    }
    client.ends().await;
}
