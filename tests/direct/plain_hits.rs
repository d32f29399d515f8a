//! Hits of a throttle that charges all clients in the same way are decided without a ticket. The program sees
//! no difference.

use std::fmt::Debug;
use std::time::Duration;

use throttle::strategy::Gcra;
use throttle::testkit::{Fault, Faulty};
use throttle::{
    CircuitBreaker, ErrorKind, Hit, ManualClock, OnError, Rates, Recovery, Settings, Throttle, failover,
    fallback,
};

use crate::common::{declared_at, seconds};
use crate::faulty::faulty;

const RATES: &str = "5/min, 20/hour";

/// With one limit, memory decides on the fast path.
const RATE: &str = "5/min";

const BREAKER: CircuitBreaker = CircuitBreaker::new().failure_threshold(2).success_threshold(1);

/// A throttle, and its backend.
struct Side {
    throttle: Throttle,
    primary: Faulty,
    rates: &'static str,
    /// Whether each hit contains the rates, so that it takes the general path.
    asks: bool,
}

impl Side {
    async fn new(
        clock: &ManualClock,
        (backend, rates): (&'static str, &'static str),
        settings: Settings,
        asks: bool,
    ) -> Self {
        let primary = faulty(clock);
        let declared = declared_at(clock)
            .backend("primary", primary.clone())
            .backend("other", faulty(clock))
            .clock(clock.clone());
        let registry = declared.build().await.expect("a registry");
        let settings = settings.rate(rates).backend(backend);
        let throttle = registry.create("export", settings).expect("nothing is wrong");
        Self { throttle, primary, rates, asks }
    }

    async fn hit(&self, key: &str, cost: u64, only_asks: bool) -> String {
        let hit = Hit::from(key).cost(cost);
        let hit = if self.asks { hit.rate(self.rates.parse::<Rates>().expect("rates")) } else { hit };
        let answer =
            if only_asks { said(self.throttle.peek(hit).await) } else { said(self.throttle.hit(hit).await) };
        // The usage that is owed is charged in the background.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        answer
    }

    fn counts(&self) -> impl Debug + PartialEq + use<> {
        (
            self.throttle.counts(),
            self.primary.calls(),
            self.throttle.breaker().map(|breaker| breaker.snapshot()),
        )
    }
}

fn said(answer: impl Debug) -> String {
    format!("{answer:?}")
}

/// Returns the fault of both sides for the next hit.
fn meets(random: &mut fastrand::Rng) -> Option<(Fault, usize)> {
    let fault = match random.u8(..10) {
        0..4 => Fault::Refuse(ErrorKind::Connection),
        4..6 => Fault::Lose(ErrorKind::Connection),
        6 => Fault::Hang,
        _ => return None,
    };
    Some((fault, random.usize(1..6)))
}

async fn compare(seed: u64, on: (&'static str, &'static str), settings: Settings) {
    let mut random = fastrand::Rng::with_seed(seed);
    let clock = ManualClock::new();
    let [plain, asking] =
        [Side::new(&clock, on, settings.clone(), false).await, Side::new(&clock, on, settings, true).await];
    for step in 0..300 {
        match random.u8(..12) {
            0 => clock.advance(Duration::from_millis(random.u64(..90_000))),
            1 => clock.advance(seconds(60)),
            2 => match meets(&mut random) {
                Some((fault, times)) => [&plain, &asking].map(|side| side.primary.meet(fault, times)),
                None => [&plain, &asking].map(|side| side.primary.heal()),
            }
            .into_iter()
            .collect(),
            _ => {}
        }
        let (key, cost) = (["a", "b", "c"][random.usize(..3)], random.u64(..4));
        let only_asks = random.u8(..8) == 0;
        let answers = [plain.hit(key, cost, only_asks).await, asking.hit(key, cost, only_asks).await];
        assert_eq!(answers[0], answers[1], "seed {seed}, step {step}: {key} for {cost}");
        assert_eq!(plain.counts(), asking.counts(), "seed {seed}, step {step}");
    }
}

async fn compare_all(settings: Settings) {
    compare_on("primary", RATES, settings).await;
}

async fn compare_on(backend: &'static str, rates: &'static str, settings: Settings) {
    for seed in 0..20 {
        compare(seed, (backend, rates), settings.clone()).await;
    }
}

fn on_error(recovery: Recovery) -> Settings {
    Settings::new().on_error(recovery)
}

#[tokio::test(start_paused = true)]
async fn where_the_policy_has_the_word() {
    compare_all(Settings::new().on_error(OnError::Allow)).await;
    compare_all(Settings::new().on_error(OnError::Raise)).await;
}

#[tokio::test(start_paused = true)]
async fn where_another_backend_decides() {
    compare_all(on_error(fallback("memory"))).await;
}

#[tokio::test(start_paused = true)]
async fn where_memory_stands_in_behind_a_breaker() {
    compare_all(on_error(failover("memory", BREAKER).retries(0))).await;
    compare_all(on_error(failover("memory", BREAKER).retries(1))).await;
    compare_all(on_error(failover("memory", BREAKER).retries(0).share(1, 2))).await;
}

#[tokio::test(start_paused = true)]
async fn where_memory_decides_at_once() {
    for rates in [RATES, RATE] {
        compare_on("memory", rates, Settings::new()).await;
        compare_on("memory", rates, on_error(failover("other", BREAKER))).await;
    }
    compare_on("memory", RATE, Settings::new().strategy(Gcra::new().burst(3))).await;
}
