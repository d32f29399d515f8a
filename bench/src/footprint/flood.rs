//! A flood: each request comes from a new client.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use throttle::backend::Memory;
use throttle::strategy::{FixedWindow, Gcra};
use throttle::{Rate, Settings};

use crate::machine;
use crate::memory::{Decide, name, reference};
use crate::ours::throttle;

/// The results of a process after a flood.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Flood {
    /// Nanoseconds of a decision for a new key, without the time to read the clock.
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
    /// Resident megabytes after each million of clients. This library keeps one million keys.
    pub(crate) megabytes: Vec<f64>,
    /// How often the client at its limit sent a request, and how often it was admitted.
    pub(crate) probes: u64,
    pub(crate) passed: u64,
    /// Evictions of states that had not expired.
    pub(crate) evictions: u64,
}

/// The number of keys that this library keeps.
pub(super) const MAX_KEYS: u64 = 1_000_000;
/// The limit of each client per day.
const LIMIT: u32 = 10;

/// Sends one request each from `keys` new clients to a limiter that already denies one client.
pub(crate) fn flood(subject: &str, keys: u64) -> Result<Flood, Box<dyn Error>> {
    machine::pin(0);
    let settings = Settings::new().rate(Rate::per_day(LIMIT.into()));
    let settings = match subject {
        "gcra" => settings.strategy(Gcra::new().burst(LIMIT.into())),
        "fixed-window" => settings.strategy(FixedWindow),
        "governor" => return pour(&reference(LIMIT), keys),
        _ => return Err("no such subject".into()),
    };
    let memory = Arc::new(Memory::builder().max_keys(usize::try_from(MAX_KEYS)?).build());
    let flood = pour(&throttle(Arc::clone(&memory), settings), keys)?;
    Ok(Flood { evictions: memory.evictions(), ..flood })
}

fn pour(limiter: &impl Decide<Key = String>, keys: u64) -> Result<Flood, Box<dyn Error>> {
    const PROBE_EVERY: u64 = 1_000;
    let mut times = Histogram::<u64>::new_with_max(10_000_000_000, 3)?;
    let clock = clock_overhead()?;
    let hot = "hot".to_owned();
    let before = machine::resident();
    let mut megabytes = Vec::new();
    let (mut probes, mut passed) = (0, 0);
    while limiter.decide(&hot) {}
    for client in 0..keys {
        let key = name(client);
        let start = Instant::now();
        black_box(limiter.decide(black_box(&key)));
        times.record(u64::try_from(start.elapsed().as_nanos())?)?;
        if client.is_multiple_of(PROBE_EVERY) {
            probes += 1;
            passed += u64::from(limiter.decide(&hot));
        }
        if (client + 1).is_multiple_of(MAX_KEYS) {
            megabytes.push(machine::resident().saturating_sub(before) as f64 / 1e6);
        }
    }
    let at = |share| times.value_at_quantile(share).saturating_sub(clock).max(1) as f64;
    let (median, p99, p999, max) = (at(0.5), at(0.99), at(0.999), at(1.0));
    Ok(Flood { median, p99, p999, max, megabytes, probes, passed, evictions: 0 })
}

/// Returns the median time of an empty measurement, in nanoseconds.
fn clock_overhead() -> Result<u64, Box<dyn Error>> {
    let mut times = Histogram::<u64>::new(3)?;
    for _ in 0..100_000 {
        let start = Instant::now();
        times.record(u64::try_from(start.elapsed().as_nanos())?)?;
    }
    Ok(times.value_at_quantile(0.5))
}
