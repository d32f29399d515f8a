//! `memory`: the cost of a decision, compared with the peers and the floor in one process and run.

mod cell;
mod measure;
mod subject;
pub(crate) mod table;
mod workload;

use std::error::Error;

use serde::{Deserialize, Serialize};

pub(crate) use self::cell::{Algorithm, Cell, Outcome};
pub(crate) use self::subject::{Decide, FLOOR, REFERENCE, Subject, peer, peers, reference};
pub(crate) use self::workload::{Sequence, name};

use self::cell::Traffic;
use self::measure::{Ready, Samples};
use self::subject::{MAKERS, Maker, Task};
use crate::cli::Options;
use crate::report::{Record, Report, record};
use crate::statistics::{median, paired, spread};

/// The values that this command measures besides time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Decisions {
    /// Allocations per decision.
    pub(crate) allocations: f64,
    /// The interquartile range of the repetitions, as a fraction of the median.
    pub(crate) spread: f64,
    pub(crate) reps: usize,
}

/// The target in every cell: how many times faster than the reference this library is, at least.
const FASTER: f64 = 2.5;
/// The target in every cell: how many times slower than the floor this library is, at most.
const SLOWER: f64 = 2.0;

/// Runs the command. Returns whether all targets were met.
pub(crate) fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut report = Report::new("memory", options);
    let cells: Vec<_> = Cell::all().filter(|cell| options.wants_cell(&cell.to_string())).collect();
    let mut records = Vec::new();
    // Cells share the subjects and their clients, if the subjects would store the same states.
    for group in cells.chunk_by(|a, b| (a.traffic.clients(), a.outcome) == (b.traffic.clients(), b.outcome)) {
        let subjects = Subjects::of(group, options);
        let mut sequence: Option<(Traffic, Sequence)> = None;
        for &cell in group {
            let same = sequence.take().filter(|(traffic, _)| *traffic == cell.traffic);
            let (_, drawn) =
                sequence.insert(same.unwrap_or_else(|| (cell.traffic, Sequence::drawn(cell.traffic))));
            let of_cell = measure(cell, &subjects, drawn, options)?;
            report.say(&table::of_cell(&of_cell));
            report.records(&of_cell);
            records.extend(of_cell);
        }
    }
    report.say(&table::ours(&records));
    report.missed(missed(&records));
    Ok(report.finish()?)
}

/// The subjects of cells with the same number of clients and the same outcome.
struct Subjects {
    /// Subjects with one algorithm occur once, and the others once per algorithm.
    ready: Vec<(Option<Algorithm>, Ready)>,
}

impl Subjects {
    fn of(group: &[Cell], options: &Options) -> Self {
        let Cell { traffic, outcome, .. } = group[0];
        let everybody = Sequence::clients(0..traffic.clients());
        let makers = MAKERS.iter().filter(|maker| options.wants_subject(maker.name));
        let ready = makers.flat_map(|maker| {
            let algorithms: &[_] = if maker.has_algorithms {
                &[Some(Algorithm::Gcra), Some(Algorithm::FixedWindow)]
            } else {
                &[None]
            };
            algorithms.iter().map(|&algorithm| (algorithm, ready(maker, algorithm, outcome, &everybody)))
        });
        Self { ready: ready.collect() }
    }

    fn deciding(&self, algorithm: Algorithm) -> Vec<&Ready> {
        let fitting = self.ready.iter().filter(|(own, _)| own.is_none_or(|own| own == algorithm));
        fitting.map(|(_, ready)| ready).collect()
    }
}

/// Makes a subject, and lets it see all clients. For cells with denied decisions, it then denies all clients.
fn ready(maker: &Maker, algorithm: Option<Algorithm>, outcome: Outcome, everybody: &Sequence) -> Ready {
    let task = Task { clients: everybody.len(), outcome, algorithm: algorithm.unwrap_or(Algorithm::Gcra) };
    let subject: Box<dyn Subject> = (maker.make)(&task);
    let mut passed = subject.begin(everybody);
    // Some subjects need more than one use to deny a client, because their smallest burst is larger.
    for _ in 0..3 {
        if outcome == Outcome::Denied && passed > 0 {
            passed = subject.run(everybody, 0..everybody.len());
        }
    }
    Ready { name: maker.name, subject, slower: maker.slower }
}

fn measure(
    cell: Cell,
    subjects: &Subjects,
    sequence: &Sequence,
    options: &Options,
) -> Result<Vec<Record<Decisions>>, Box<dyn Error>> {
    let reps = options.reps.unwrap_or(if options.quick { 3 } else { 7 });
    let decisions = cell.traffic.decisions() / if options.quick { 4 } else { 1 };
    let subjects = subjects.deciding(cell.algorithm);
    let (samples, noise) = measure::cell(cell, &subjects, sequence, decisions, reps)?;
    let of = |name: &str| samples.iter().find(|samples| samples.name == name);
    let record = |own: &Samples| {
        let more = Decisions { allocations: own.allocations, spread: spread(&own.ns), reps };
        Record {
            ns: Some(median(&own.ns)),
            vs_governor: of(REFERENCE).map(|other| paired(&own.ns, &other.ns, |own, other| other / own)),
            vs_floor: of(FLOOR).map(|other| paired(&own.ns, &other.ns, |own, other| own / other)),
            ..record(&cell.to_string(), own.name, noise, more)
        }
    };
    Ok(samples.iter().map(record).collect())
}

/// Returns the missed targets, one line for each.
fn missed(records: &[Record<Decisions>]) -> Vec<String> {
    let mut lines = Vec::new();
    for Record { cell, vs_governor, vs_floor, more, .. } in records.iter().filter(|record| !record.peer) {
        if let Some(times) = vs_governor.filter(|&times| times < FASTER) {
            lines.push(format!("{cell}: {times:.2}x faster than governor, not {FASTER}x"));
        }
        if let Some(times) = vs_floor.filter(|&times| times > SLOWER) {
            lines.push(format!("{cell}: {times:.2}x slower than the floor, not {SLOWER}x"));
        }
        if more.allocations > 0.0 {
            lines.push(format!("{cell}: {:.2} allocations per decision, not 0", more.allocations));
        }
    }
    lines
}
