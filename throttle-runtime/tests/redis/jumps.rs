//! A server whose clock jumps: no client is locked out for longer than the strategies allow, and limits stay in
//! effect.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use throttle_runtime::backend::{Backend, Charge, Mode, Redis, Verdict};
use throttle_runtime::strategy::{Arrival, State, Step, Strategy};
use throttle_runtime::{Key, Rate};
use tokio::time::sleep;

use crate::places::{Process, connect, take};
use crate::server::{DIRECTORY, Reached, Server, Way};
use crate::strategies::{Request, START, admitted_at_once, each, micros};

/// A server with a clock of its own.
struct Skewed {
    server: Reached,
    clock: File,
}

impl Skewed {
    fn start() -> Self {
        Self::by(Way::Alone)
    }

    fn by(way: Way) -> Self {
        static SHIM: OnceLock<String> = OnceLock::new();
        let shim = SHIM.get_or_init(|| {
            let library = format!("{DIRECTORY}/clock.{}.so", std::process::id());
            let source = concat!(env!("CARGO_MANIFEST_DIR"), "/redis/clock.c");
            let status =
                Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o", &library, source]).status();
            assert!(status.expect("a C compiler").success());
            library
        });
        let path = format!("{shim}.{:?}.offset", std::thread::current().id());
        std::fs::write(&path, 0_i64.to_ne_bytes()).expect("a file");
        let clock = File::options().write(true).open(&path).expect("a file");
        let environment = [("LD_PRELOAD", &**shim), ("THROTTLE_TEST_CLOCK", &*path)];
        let server = match way {
            Way::Cluster => Server::node_with_environment(&environment),
            _ => Server::with_environment(&environment),
        };
        Self { server: way.to(server), clock }
    }

    /// Sets the time of the server.
    fn set(&self, now: u64) {
        let here = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time");
        let offset = now.cast_signed() - micros(here).cast_signed();
        self.clock.write_all_at(&offset.to_ne_bytes(), 0).expect("written");
    }

    fn now(&self) -> u64 {
        let (seconds, micros): (u64, u64) = self.server.ask("TIME");
        seconds * 1_000_000 + micros
    }

    fn jump(&self, by: i64) {
        self.set(self.now().saturating_add_signed(by));
    }
}

/// One client of one limit.
struct Client<'a> {
    redis: &'a Redis,
    key: Key,
    strategy: &'a dyn Strategy,
    rate: Rate,
}

impl Client<'_> {
    async fn decide(&self) -> Verdict {
        let rates = [self.rate];
        let charges = [Charge::new("t", &self.key, self.strategy, &rates, 1)];
        self.redis.decide(&charges, Mode::Consume).await.expect("a decision")
    }

    /// Returns how many requests are admitted now, and the wait of the next one.
    async fn exhaust(&self) -> (usize, Duration) {
        let mut admitted = 0;
        loop {
            let verdict = self.decide().await;
            let quota = &verdict.quotas[0];
            if !quota.fits() {
                return (admitted, quota.retry_after().expect("a wait"));
            }
            admitted += 1;
            assert!(admitted <= 1_000, "{} is open", self.strategy.name());
        }
    }
}

const HOUR: i64 = 3_600_000_000;

/// A strategy without its script, so that this process decides.
#[derive(Debug)]
struct Here(Box<dyn Strategy>);

impl Strategy for Here {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        self.0.step(state, arrival)
    }
}

/// Returns how many requests of a new client are admitted immediately, and the longest wait that strategies allow
/// after any clock jump. The wait is twice the time in which the charged units become available again, plus the
/// time of one unit.
fn bounds(strategy: &dyn Strategy, rate: Rate) -> (usize, Duration) {
    let allowance = admitted_at_once(strategy, rate, Request::new(0, 1), 1_000);
    let unit = rate.period_micros().div_ceil(rate.limit());
    let back = rate.period_micros().max(unit * u64::try_from(allowance).expect("a number"));
    (allowance, Duration::from_micros(2 * back + unit))
}

async fn expect_bounded(skewed: &Skewed, client: &Client<'_>, jump: i64) {
    let (allowance, longest) = bounds(client.strategy, client.rate);
    let told = format!("{} at {} after a jump by {jump} us", client.strategy.name(), client.rate);
    let kept = || {
        let names: Vec<String> = skewed.server.ask("KEYS *");
        let left: u64 = skewed.server.ask(&format!("PTTL {}", names[0]));
        Duration::from_millis(left)
    };
    let (admitted, before) = client.exhaust().await;
    assert_eq!(admitted, allowance, "{told}");
    let kept_before = kept();
    skewed.jump(jump);
    let (admitted, wait) = client.exhaust().await;
    assert!(admitted <= allowance, "{told}: {admitted} more than {allowance}");
    assert!(wait <= longest, "{told}: a wait of {wait:?}");
    let back = Duration::from_micros(jump.min(0).unsigned_abs());
    let second = Duration::from_secs(1);
    // After a state that counts as none, the wait is a normal one.
    assert!(admitted > 0 || wait <= before + back + second, "{told}: {wait:?} in place of {before:?}");
    // Keys expire by the server's clock, which jumps, too.
    assert!(jump > 0 || kept() <= kept_before + back + longest, "{told}: kept for {:?}", kept());
    skewed.jump(micros(wait).cast_signed());
    assert!(client.decide().await.quotas[0].fits(), "{told}: the wait was not true");
}

/// By an hour in both directions. Also back by less than one period, by less than two, and by three.
async fn all_are_bounded(strategies: Vec<Box<dyn Strategy>>, way: Way) {
    let skewed = Skewed::by(way);
    let redis = skewed.server.backend();
    redis.initialize().await.expect("a connection");
    for strategy in &strategies {
        for rate in [Rate::per_minute(10), Rate::per_hour(100)] {
            let period = rate.period_micros().cast_signed();
            let others: &[i64] =
                if period == HOUR { &[] } else { &[-period / 10 * 9, -period / 10 * 19, -period * 3] };
            for &jump in [HOUR, -HOUR].iter().chain(others) {
                skewed.set(START);
                let () = skewed.server.ask("FLUSHALL");
                let client = Client { redis: &redis, key: "a".into(), strategy: &**strategy, rate };
                expect_bounded(&skewed, &client, jump).await;
            }
        }
    }
}

by_each_way! {
    a_jump_locks_nobody_out_and_opens_no_gate,
}

async fn a_jump_locks_nobody_out_and_opens_no_gate(way: Way) {
    all_are_bounded(each(), way).await;
}

#[tokio::test]
async fn nor_does_it_where_strategies_decide_here() {
    let here = each().into_iter().map(|strategy| Box::new(Here(strategy)) as _).collect();
    all_are_bounded(here, Way::Alone).await;
}

#[tokio::test]
async fn a_clock_that_goes_to_and_fro_gives_one_allowance_each_time() {
    let skewed = Skewed::start();
    let redis = skewed.server.backend();
    redis.initialize().await.expect("a connection");
    for strategy in each() {
        for rate in [Rate::per_minute(10), Rate::per_hour(100)] {
            let (allowance, longest) = bounds(&*strategy, rate);
            skewed.set(START);
            let () = skewed.server.ask("FLUSHALL");
            let client = Client { redis: &redis, key: "a".into(), strategy: &*strategy, rate };
            let (mut admitted, _) = client.exhaust().await;
            for jumps in 1..=4 {
                skewed.jump(if jumps % 2 == 0 { HOUR } else { -HOUR });
                let (more, wait) = client.exhaust().await;
                admitted += more;
                let name = strategy.name();
                assert!(admitted <= allowance * (jumps + 1), "{name}: {admitted} after {jumps} jumps");
                assert!(wait <= longest, "{name}: a wait of {wait:?} after {jumps} jumps");
            }
        }
    }
}

/// Cached denials use the clock from before the jump, for at most a second.
#[tokio::test]
async fn who_is_remembered_as_denied_is_asked_about_again_after_a_jump() {
    let skewed = Skewed::start();
    let redis = Redis::new(&skewed.server.url()).expect("a backend");
    redis.initialize().await.expect("a connection");
    let strategies = each();
    for jump in [HOUR, -HOUR] {
        skewed.set(START);
        let client =
            |strategy| Client { redis: &redis, key: jump.into(), strategy, rate: Rate::per_minute(10) };
        let clients: Vec<_> = strategies.iter().map(|strategy| client(&**strategy)).collect();
        for client in &clients {
            client.exhaust().await;
        }
        skewed.jump(jump);
        let jumped = Instant::now();
        for client in &clients {
            while !client.decide().await.quotas[0].fits() {
                let name = client.strategy.name();
                assert!(jumped.elapsed() < Duration::from_secs(5), "{name} is locked out by {jump}");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// By an hour in both directions: requests in flight keep their permits, and processes that are gone lose
/// theirs after a lease.
#[tokio::test]
async fn who_is_in_flight_stays_so_through_a_jump_and_who_is_gone_does_not() {
    const LEASE: Duration = Duration::from_secs(2);
    let skewed = Skewed::start();
    let redis = connect(skewed.server.backend()).await;
    let full = async || take(&redis, "a", 1, LEASE).await.expect("an answer").is_none();
    for jump in [-HOUR, HOUR] {
        let process = Process::start();
        let _held = process.hold(&skewed.server, 1, LEASE).await;
        skewed.jump(jump);
        if jump < 0 {
            assert!(full().await, "nobody else comes in");
        }
        // The process has renewed its permit.
        sleep(LEASE / 2 + Duration::from_millis(100)).await;
        let jumped = Instant::now();
        while !full().await {
            assert!(jumped.elapsed() < LEASE, "it is not in flight any more after {jump}");
            // The permit that was just taken is released meanwhile.
            sleep(LEASE / 10).await;
        }
        drop(process);
        let gone = Instant::now();
        while full().await {
            assert!(gone.elapsed() < 5 * LEASE, "locked out by {jump}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A lease whose end the clock has moved far away ends like any other.
#[tokio::test]
async fn who_was_gone_before_a_jump_has_lost_the_place_a_lease_after_it() {
    const LEASE: Duration = Duration::from_millis(500);
    let skewed = Skewed::start();
    let redis = connect(skewed.server.backend()).await;
    let process = Process::start();
    let _held = process.hold(&skewed.server, 1, LEASE).await;
    drop(process);
    skewed.jump(-HOUR);
    let jumped = Instant::now();
    while take(&redis, "a", 1, LEASE).await.expect("an answer").is_none() {
        assert!(jumped.elapsed() < 20 * LEASE, "locked out");
        sleep(Duration::from_millis(10)).await;
    }
}
