//! `redis`: decisions by limits in a Redis server, beside the peers that keep theirs in one, and as a part of what
//! the server can do at most.
//!
//! The server is kept on one processor and the client on another one. Each repetition visits all subjects, and
//! ratios are taken within it.
//!
//! Two peers are measured where they are: throttlecrab-server on the `PATH`, and the module redis-cell, if the server
//! has it where modules usually are or `REDIS_CELL` names its file.

mod cell;
mod load;
mod server;
mod subject;
mod table;
mod targets;

use std::error::Error;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

pub(crate) use self::cell::{Cell, Traffic};
use self::load::{Load, Seen};
use self::server::Servers;
pub(crate) use self::subject::INCR;
use self::subject::{Failure, PLAIN, Subject, names, script};
pub(crate) use self::table::tables;
pub(crate) use self::targets::SHARE;
use crate::cli::Options;
use crate::machine::Noise;
use crate::report::{OURS, Record, Report, record};
use crate::statistics::{median, paired, spread};

/// What this command measures besides time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shared {
    /// How many ask at once, each for one decision at a time.
    pub(crate) callers: usize,
    pub(crate) ops_per_s: f64,
    /// The rate as a part of that of pipelined `INCR`s.
    pub(crate) vs_incr: Option<f64>,
    /// As a multiple of that of one script per decision by the same algorithm.
    pub(crate) vs_script: Option<f64>,
    /// As a multiple of that of ours without its memory of denials.
    pub(crate) vs_plain: Option<f64>,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p99_vs_script: Option<f64>,
    pub(crate) spread: f64,
    pub(crate) reps: usize,
}

/// How many ask at once.
pub(crate) const CALLERS: [usize; 3] = [1, 64, 512];

/// What was seen of a subject, one for each repetition.
struct Samples {
    name: &'static str,
    seen: Vec<Seen>,
}

/// Whether all targets were met.
pub(crate) fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut report = Report::new("redis", options);
    let servers = Servers::start()?;
    let runtime = load::runtime()?;
    let mut records = Vec::new();
    for cell in Cell::all().filter(|cell| options.wants_cell(&cell.to_string())) {
        let of_cell = measure(cell, &servers, &runtime, options).map_err(|failure| failure.to_string())?;
        report.say(&tables(&of_cell));
        report.records(&of_cell);
        records.extend(of_cell);
    }
    report.missed(targets::missed(&records));
    Ok(report.finish()?)
}

/// A cell with every number of callers, by subjects who share nothing with those of other cells.
fn measure(
    cell: Cell,
    servers: &Servers,
    runtime: &Runtime,
    options: &Options,
) -> Result<Vec<Record<Shared>>, Failure> {
    let reps = options.reps.unwrap_or(if options.quick { 3 } else { 5 });
    let time = Duration::from_millis(if options.quick { 200 } else { 700 });
    runtime.block_on(subject::forget(&servers.redis.url()))?;
    let mut subjects = Vec::new();
    for name in names(cell).into_iter().filter(|name| options.wants_subject(name)) {
        subjects.extend(runtime.block_on(subject::make(name, cell, servers))?);
    }
    let mut records = Vec::new();
    for callers in CALLERS {
        let load = Load { keys: cell.keys().into(), callers, time };
        let (samples, noise) = take_turns(cell, &subjects, &load, runtime, reps)?;
        records.extend(samples.iter().map(|own| summary(cell, callers, own, &samples, noise)));
    }
    Ok(records)
}

/// The samples of all subjects, and the machine's noise.
fn take_turns(
    cell: Cell,
    subjects: &[Subject],
    load: &Load,
    runtime: &Runtime,
    reps: usize,
) -> Result<(Vec<Samples>, f64), Failure> {
    let mut samples: Vec<_> =
        subjects.iter().map(|subject| Samples { name: subject.name, seen: Vec::new() }).collect();
    let mut noise = Noise::default();
    for rep in 0..=reps {
        // Everybody has another predecessor each time.
        for turn in 0..subjects.len() {
            let index = (turn + rep) % subjects.len();
            noise.sample();
            let seen = subjects[index].run(runtime, load.clone());
            let seen = seen.map_err(|error| format!("{} in {cell}: {error}", subjects[index].name))?;
            // The first one only warms up, and uses up what has to be used up.
            if rep > 0 {
                check(cell, subjects[index].name, &seen)?;
                samples[index].seen.push(seen);
            }
        }
    }
    Ok((samples, noise.spread()))
}

/// Who decides otherwise than the cell says is not worth comparing.
fn check(cell: Cell, name: &str, seen: &Seen) -> Result<(), String> {
    let expected = if cell.traffic == Traffic::Denied { 0 } else { seen.decisions };
    if seen.passed == expected || name == INCR {
        return Ok(());
    }
    Err(format!("{name} let {} of {} pass in {cell}", seen.passed, seen.decisions))
}

fn summary(cell: Cell, callers: usize, own: &Samples, all: &[Samples], noise: f64) -> Record<Shared> {
    let each =
        |samples: &Samples, value: fn(&Seen) -> f64| samples.seen.iter().map(value).collect::<Vec<_>>();
    let versus = |name: &str, value: fn(&Seen) -> f64| {
        let other = all.iter().find(|samples| samples.name == name)?;
        Some(paired(&each(own, value), &each(other, value), |own, other| own / other))
    };
    let rates = each(own, |seen| seen.per_second);
    let more = Shared {
        callers,
        ops_per_s: median(&rates),
        vs_incr: versus(INCR, |seen| seen.per_second),
        vs_script: versus(script(cell.algorithm), |seen| seen.per_second),
        vs_plain: versus(PLAIN, |seen| seen.per_second),
        p50_us: median(&each(own, |seen| seen.p50)),
        p99_us: median(&each(own, |seen| seen.p99)),
        p99_vs_script: versus(script(cell.algorithm), |seen| seen.p99),
        spread: spread(&rates),
        reps: rates.len(),
    };
    Record {
        peer: ![OURS, PLAIN].contains(&own.name),
        ns: Some(1e9 / more.ops_per_s),
        ..record(&cell.to_string(), own.name, noise, more)
    }
}
