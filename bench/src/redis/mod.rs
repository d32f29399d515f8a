//! `redis`: decisions of limits in a Redis server, compared with peers that use a server, and with the
//! maximum rate of the server.
//!
//! The server is pinned to one processor, and the client to another. Each repetition visits all subjects, and
//! ratios are taken within a repetition.
//!
//! Two peers are measured if they are installed:
//!
//! - throttlecrab-server, if it is in `PATH`
//! - the Redis module redis-cell, if its file is in the usual directories or `REDIS_CELL` names it

mod cell;
mod decide;
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
use self::decide::Failure;
use self::load::{Load, Seen};
use self::server::Servers;
pub(crate) use self::subject::INCR;
use self::subject::{PLAIN, Subject, names, script};
pub(crate) use self::table::tables;
pub(crate) use self::targets::SHARE;
use crate::cli::Options;
use crate::machine::Noise;
use crate::report::{OURS, Record, Report, record};
use crate::statistics::{median, paired, spread};

/// The values that this command measures besides time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shared {
    /// The number of concurrent callers, each with one decision at a time.
    pub(crate) callers: usize,
    pub(crate) ops_per_s: f64,
    /// The rate as a fraction of the rate of pipelined `INCR`s.
    pub(crate) vs_incr: Option<f64>,
    /// The rate as a multiple of one script call per decision with the same algorithm.
    pub(crate) vs_script: Option<f64>,
    /// The rate as a multiple of this library's without the local cache of denials.
    pub(crate) vs_plain: Option<f64>,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p99_vs_script: Option<f64>,
    pub(crate) spread: f64,
    pub(crate) reps: usize,
}

/// The numbers of concurrent callers.
pub(crate) const CALLERS: [usize; 3] = [1, 64, 512];

/// The results of a subject, one per repetition.
struct Samples {
    name: &'static str,
    seen: Vec<Seen>,
}

/// Runs the command. Returns whether all targets were met.
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

/// Measures a cell with each number of callers. Its subjects share nothing with the subjects of other cells.
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

/// Returns the samples of all subjects, and the machine's noise.
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
        // In each repetition, every subject follows a different subject.
        for turn in 0..subjects.len() {
            let index = (turn + rep) % subjects.len();
            noise.sample();
            let seen = subjects[index].run(runtime, load.clone());
            let seen = seen.map_err(|error| format!("{} in {cell}: {error}", subjects[index].name))?;
            // The first repetition is a warm-up, which also uses up the quota of cells with denied decisions.
            if rep > 0 {
                check(cell, subjects[index].name, &seen)?;
                samples[index].seen.push(seen);
            }
        }
    }
    Ok((samples, noise.spread()))
}

/// Fails if the decisions of a subject differ from its cell.
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
