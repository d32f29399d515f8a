//! The memory of a process per key.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use throttle::backend::Memory;
use throttle::strategy::{FixedWindow, Gcra, SlidingWindowCounter, TokenBucket};
use throttle::{Rate, Settings};

use crate::machine;
use crate::memory::{Outcome, Sequence, Subject, peer};
use crate::ours::throttle;

/// This library: each strategy whose states have the same size for every key, and the defaults.
pub(super) const OURS: [&str; 5] = [
    "throttle/gcra",
    "throttle/token-bucket",
    "throttle/fixed-window",
    "throttle/sliding-window-counter",
    OUT_OF_THE_BOX,
];

/// This library with no settings but a rate. It keeps one million keys.
pub(super) const OUT_OF_THE_BOX: &str = "throttle/out-of-the-box";

/// The results of a process after one use of every key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Growth {
    /// Resident bytes per key.
    pub(crate) bytes: f64,
    /// Peak of the resident bytes per key, for example while a table is copied.
    pub(crate) peak: f64,
    /// Nanoseconds per new key.
    pub(crate) per_new_key: f64,
    /// Evictions of states that had not expired.
    pub(crate) evictions: u64,
}

/// Uses each of `keys` keys once. The keys are generated in batches, so that only the limiter's memory grows.
pub(crate) fn growth(name: &str, keys: u64) -> Result<Growth, Box<dyn Error>> {
    const AT_ONCE: u64 = 1_000;
    machine::pin(0);
    let warm_up = Sequence::clients(0..AT_ONCE);
    drop(warm_up);
    let before = machine::resident();
    let (subject, memory) = make(name, keys)?;
    let mut ns = 0.0;
    for first in (0..keys).step_by(usize::try_from(AT_ONCE)?) {
        let part = Sequence::clients(first..keys.min(first + AT_ONCE));
        let clock = Instant::now();
        subject.run(&part, 0..part.len());
        ns += clock.elapsed().as_nanos() as f64;
    }
    let per_key = |bytes: u64| bytes.saturating_sub(before) as f64 / keys as f64;
    Ok(Growth {
        bytes: per_key(machine::resident()),
        peak: per_key(machine::most_resident()),
        per_new_key: ns / keys as f64,
        evictions: memory.map_or(0, |memory| memory.evictions()),
    })
}

/// A limiter, and its memory backend if it is one of this library.
type Made = (Box<dyn Subject>, Option<Arc<Memory>>);

/// Returns a limiter whose states last a day.
fn make(name: &str, keys: u64) -> Result<Made, Box<dyn Error>> {
    let clients = usize::try_from(keys)?;
    let settings = Settings::new().rate(Rate::per_day(1));
    let (settings, memory) = match name {
        "throttle/gcra" => (settings.strategy(Gcra::new()), Memory::builder().max_keys(clients).build()),
        "throttle/token-bucket" => {
            (settings.strategy(TokenBucket::new()), Memory::builder().max_keys(clients).build())
        }
        "throttle/fixed-window" => {
            (settings.strategy(FixedWindow), Memory::builder().max_keys(clients).build())
        }
        "throttle/sliding-window-counter" => {
            (settings.strategy(SlidingWindowCounter), Memory::builder().max_keys(clients).build())
        }
        OUT_OF_THE_BOX => (settings, Memory::new()),
        _ => {
            return peer(name, clients, Outcome::Denied)
                .map(|peer| (peer, None))
                .ok_or("no such subject".into());
        }
    };
    let memory = Arc::new(memory);
    Ok((Box::new(throttle(Arc::clone(&memory), settings)), Some(memory)))
}
