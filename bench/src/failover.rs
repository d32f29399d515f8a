//! `failover`: the cost of a circuit breaker for a decision, while the breaker is closed and while it is
//! open.
//!
//! The backends are in memory and ready immediately, so only the failover logic is measured. They hide the
//! fast path of the memory backend, because throttles on a store have no fast path.

use std::error::Error;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use throttle::backend::{Backend, Charge, Memory, Mode, Reply, Verdict};
use throttle::{
    BackendError, CircuitBreaker, ErrorKind, NowOrLater, Rate, Recovery, Settings, Throttle, failover,
    fallback, registry,
};

use crate::cli::Options;
use crate::machine::{self, Noise};
use crate::poll::at_once;
use crate::report::{OURS, Record, Report, Table, number, percent, ratio, record};
use crate::statistics::{median, paired, spread};

/// The values that this command measures besides time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub(crate) spread: f64,
    /// How many nanoseconds more the subject takes than the subject that it is compared with.
    pub(crate) added_ns: Option<f64>,
}

/// A backend that is ready immediately: it decides in memory, or fails.
#[derive(Debug)]
enum Store {
    Up(Memory),
    Down,
}

impl Backend for Store {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        match self {
            Self::Up(memory) => memory.decide(charges, mode),
            Self::Down => {
                NowOrLater::now(Err(BackendError::new(ErrorKind::Connection, "down").safe_to_retry()))
            }
        }
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        match self {
            Self::Up(memory) => memory.refund(charges, at),
            Self::Down => NowOrLater::now(Ok(())),
        }
    }

    fn reset(&self) -> Reply<'_, ()> {
        NowOrLater::now(Ok(()))
    }
}

const BREAKER: CircuitBreaker =
    CircuitBreaker::new().failure_threshold(1).recovery_timeout(Duration::from_hours(24));

/// The compared throttles: the cell, the subject, and the subject that it is compared with.
const SUBJECTS: [(&str, &str, &str); 6] = [
    ("healthy", "no policy", "no policy"),
    ("healthy", "fallback", "no policy"),
    ("healthy", OURS, "fallback"),
    ("outage", "memory, fast path", "memory, as a store"),
    ("outage", "memory, as a store", "memory, as a store"),
    ("outage", OURS, "memory, as a store"),
];

fn throttle(cell: &str, subject: &str) -> Throttle {
    let store = if cell == "outage" && subject == OURS { Store::Down } else { Store::Up(Memory::new()) };
    let settings = Settings::new().rate(Rate::per_hour(1_000_000_000));
    let tried = |recovery: Recovery| settings.clone().backend("store").on_error(recovery);
    let settings = match subject {
        OURS => tried(failover("memory", BREAKER).retries(0)),
        "fallback" => tried(fallback("memory")),
        "memory, fast path" => settings,
        _ => settings.backend("store"),
    };
    let registry = at_once(registry().backend("store", store).build()).expect("nothing is wrong with it");
    let throttle = registry.create("bench", settings).expect("nothing is wrong with them");
    // With the backend that fails, this first call opens the breaker.
    let _ = at_once(throttle.hit("client"));
    throttle
}

pub(crate) fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    // Turns are short, so that noise of the machine affects all subjects alike.
    const DECISIONS: u32 = 1_000;
    const TURNS: usize = 100;
    let mut report = Report::new("failover", options);
    let reps = options.reps.unwrap_or(if options.quick { 5 } else { 31 });
    machine::pin(0);
    let throttles = SUBJECTS.map(|(cell, subject, _)| throttle(cell, subject));
    let mut samples = vec![Vec::new(); throttles.len()];
    let mut noise = Noise::default();
    for turn in 0..reps * TURNS {
        if turn.is_multiple_of(TURNS) {
            noise.sample();
        }
        for (throttle, samples) in throttles.iter().zip(&mut samples) {
            let clock = Instant::now();
            for _ in 0..DECISIONS {
                let decision = at_once(throttle.hit("client"))?;
                assert!(decision.is_allowed(), "the limit is far above that");
            }
            samples.push(clock.elapsed().as_nanos() as f64 / f64::from(DECISIONS));
        }
    }
    let records: Vec<_> = SUBJECTS
        .iter()
        .zip(&samples)
        .map(|(&(cell, subject, other), own)| {
            let other = SUBJECTS.iter().position(|&(c, name, _)| (c, name) == (cell, other));
            let other = other.map(|index| &samples[index]).filter(|other| !std::ptr::eq(*other, own));
            let added_ns = other.map(|other| paired(own, other, |own, other| own - other));
            Record {
                ns: Some(median(own)),
                vs_floor: other.map(|other| paired(own, other, |own, other| own / other)),
                ..record(cell, subject, noise.spread(), Stage { spread: spread(own), added_ns })
            }
        })
        .collect();
    report.records(&records);
    report.say(&table(&records));
    report.missed(missed(&records));
    Ok(report.finish()?)
}

/// Returns the missed targets: a closed breaker adds less than 5 ns, and a decision with an open breaker
/// takes less than twice the time of one on the fallback backend.
fn missed(records: &[Record<Stage>]) -> Vec<String> {
    let ours = records.iter().filter(|record| record.subject == OURS);
    let lines = ours.filter_map(|Record { cell, more, vs_floor, .. }| {
        match (cell.as_str(), more.added_ns, vs_floor) {
            ("healthy", Some(added), _) if added >= 5.0 => {
                Some(format!("the closed breaker costs {} ns, not less than 5", number(added)))
            }
            ("outage", _, Some(times)) if *times >= 2.0 => Some(format!(
                "a decision while it is open costs {times:.2} times one in memory, not less than 2"
            )),
            _ => None,
        }
    });
    lines.collect()
}

pub(crate) fn table(records: &[Record<Stage>]) -> String {
    let Some(first) = records.first() else { return String::new() };
    let mut table = Table::new(["decisions", "ns", "spread", "added ns", "times"]);
    for Record { cell, subject, ns, vs_floor, more, .. } in records {
        let added = more.added_ns.map_or_else(|| "-".to_owned(), |added| format!("{added:+.1}"));
        let ns = number(ns.unwrap_or_default());
        table.row([format!("{cell}: {subject}"), ns, percent(more.spread), added, ratio(*vs_floor)]);
    }
    format!("{}\nmachine's noise: {}\n", table.render(), percent(first.noise))
}
