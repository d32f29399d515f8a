//! How many honest clients are denied if there are more clients than the table keeps states.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use throttle::backend::Memory;
use throttle::strategy::{FixedWindow, TokenBucket};
use throttle::{ManualClock, Rates, Settings, Throttle, registry};

use crate::machine;
use crate::memory::{Decide, name};
use crate::poll::at_once;

/// The results of a process after the last client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Honest {
    /// The number of states that the table keeps.
    pub(crate) max_keys: u64,
    /// Requests of honest clients, none of which exceeds its limit.
    pub(crate) requests: u64,
    pub(crate) denied: u64,
    pub(crate) evictions: u64,
    /// Bytes of the backend per state that the table keeps.
    pub(crate) bytes: f64,
}

/// The number of requests of each honest client.
const EACH: u64 = 3;

const DAY: u64 = 24 * 3_600;

/// A table with a clock that the benchmark sets.
struct Bench {
    clock: ManualClock,
    memory: Arc<Memory>,
    registry: throttle::Registry,
}

impl Bench {
    fn new(max_keys: u64) -> Result<Self, Box<dyn Error>> {
        let clock = ManualClock::new();
        let memory = Memory::builder().max_keys(usize::try_from(max_keys)?).clock(clock.clone()).build();
        let memory = Arc::new(memory);
        let registry = at_once(registry().backend("memory", Arc::clone(&memory)).build())?;
        Ok(Self { clock, memory, registry })
    }

    fn throttle(&self, name: &str, rates: &str, settings: Settings) -> Result<Throttle, Box<dyn Error>> {
        Ok(self.registry.create(name, settings.rate(rates.parse::<Rates>()?))?)
    }
}

/// Runs a scenario with a table of `max_keys` states. Returns its counts and the nanoseconds per decision.
pub(crate) fn honest(scenario: &str, max_keys: u64) -> Result<(Honest, f64), Box<dyn Error>> {
    machine::pin(0);
    let bench = Bench::new(max_keys)?;
    let start = Instant::now();
    let (requests, denied, decisions) = match scenario {
        "mixed-periods" => mixed(&bench, max_keys)?,
        "flood" => flooded(&bench, max_keys)?,
        "day/fixed-window" => day(&bench, max_keys, Settings::new().strategy(FixedWindow))?,
        "day/token-bucket" => day(&bench, max_keys, Settings::new().strategy(TokenBucket::new()))?,
        _ => return Err("no such scenario".into()),
    };
    let ns = start.elapsed().as_nanos() as f64 / decisions as f64;
    let (evictions, bytes) = (bench.memory.evictions(), bench.memory.bytes() as f64 / max_keys as f64);
    Ok((Honest { max_keys, requests, denied, evictions, bytes }, ns))
}

type Counts = (u64, u64, u64);

/// The table is full of states of another throttle, which last a day. Then five times as many new clients
/// send one request each within a minute.
fn mixed(bench: &Bench, max_keys: u64) -> Result<Counts, Box<dyn Error>> {
    let daily = bench.throttle("daily", "10000/day", Settings::new())?;
    let limited = bench.throttle("limited", "5/min, 500/hour", Settings::new())?;
    (0..max_keys).for_each(|client| _ = daily.decide(&name(client)));
    let new = 5 * max_keys;
    let mut denied = 0;
    for client in 0..new {
        if client % 1_000 == 0 {
            bench.clock.advance(Duration::from_micros(60_000_000 * 1_000 / new));
        }
        denied += u64::from(!limited.decide(&name(client)));
    }
    Ok((new, denied, max_keys + new))
}

/// Nine of ten requests come from an attacker that uses a new key each time. The others come from honest
/// clients.
fn flooded(bench: &Bench, max_keys: u64) -> Result<Counts, Box<dyn Error>> {
    let throttle = bench.throttle("limited", "10/day", Settings::new())?;
    let honest = max_keys / EACH;
    let (mut denied, mut attacker) = (0, honest);
    for client in (0..EACH).flat_map(|_| 0..honest) {
        denied += u64::from(!throttle.decide(&name(client)));
        for _ in 0..9 {
            attacker += 1;
            throttle.decide(&name(attacker));
        }
    }
    Ok((honest * EACH, denied, 10 * honest * EACH))
}

/// Ten times as many clients as the table keeps states. Each sends 3 requests over a day, with a limit of 10.
fn day(bench: &Bench, max_keys: u64, settings: Settings) -> Result<Counts, Box<dyn Error>> {
    // A midnight, so that no window ends during the run.
    bench.clock.set(DAY * 1_000_000 * 20_454);
    let throttle = bench.throttle("limited", "10/day", settings)?;
    let clients = 10 * max_keys;
    let requests = EACH * clients;
    let mut denied = 0;
    // The clients come in another order in each round.
    for request in 0..requests {
        if request % 1_000 == 0 {
            bench.clock.advance(Duration::from_micros(DAY * 1_000_000 / (requests / 1_000 + 1)));
        }
        let (round, number) = (request / clients, request % clients);
        let client = (number * [1, 7_919, 104_729][usize::try_from(round)? % 3]) % clients;
        denied += u64::from(!throttle.decide(&name(client)));
    }
    Ok((requests, denied, requests))
}
