//! `instructions`: the number of instructions of one decision and of one request, counted by callgrind.
//!
//! Unlike a time, the number of instructions does not depend on the load of the machine. Each count comes
//! from one child process, between a mark after the first decisions or requests and a mark after the last
//! one. So it does not include startup.

mod callgrind;
mod decision;
mod gate;
mod request;

use std::error::Error;

use serde::{Deserialize, Serialize};

use self::callgrind::Callgrind;
pub(crate) use self::decision::decide;
use self::gate::{IS_GATE, RESULTS};
use crate::cli::Options;
use crate::machine;
use crate::report::{Record, Report, Table, kept, percent, record};
use crate::services::{LAYER, SERVICES};
use crate::statistics::median;

/// The values that this command measures.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the field is the name of the figure in the results")]
pub(crate) struct Instructions {
    /// Instructions per decision or request: the median of the repetitions, or the least of them in the gate.
    pub(crate) instructions: f64,
    /// Instructions more than the bare service takes. Only for requests.
    pub(crate) added: Option<f64>,
    /// The difference between the largest and the smallest repetition, as a fraction of the median.
    pub(crate) spread: f64,
    pub(crate) reps: usize,
    /// The version of the compiler. Counts of different versions are not compared.
    #[serde(default)]
    pub(crate) compiler: String,
}

/// The number of decisions or requests before the first mark. In this time, tables grow, buffers are
/// allocated, and requests are searched for headers of undeclared proxies.
pub(crate) const FIRST: u64 = 1_500;

/// Runs the command. Returns whether all targets were met. The targets of the gate are the stored counts.
pub(crate) fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut report = Report::new(RESULTS, options);
    let is_quick = options.quick || IS_GATE;
    let counter = Counter {
        callgrind: Callgrind::find()?,
        many: if is_quick { 1_000 } else { 4_000 },
        reps: options.reps.unwrap_or(if is_quick { 1 } else { 3 }),
        before: kept(RESULTS).unwrap_or_default(),
        compiler: machine::compiler(),
        is_gate: IS_GATE && !options.save,
    };
    let before = &counter.before;
    let wanted = |cell: &str, subject: &str| options.wants_cell(cell) && options.wants_subject(subject);
    let decisions = decision::all(wanted).map(|cell| cell.count(&counter));
    let decisions = decisions.collect::<Result<Vec<_>, _>>()?;
    report.records(&decisions);
    report.say(&table_beside(&decisions, before));
    let requests = request::all(wanted).map(|cell| cell.count(&counter));
    let mut requests = requests.collect::<Result<Vec<_>, _>>()?;
    compare(&mut requests);
    report.records(&requests);
    report.say(&table_beside(&requests, before));
    if counter.is_gate {
        let records = [decisions, requests.clone()].concat();
        let others = gate::not_compared(&records, before);
        if others > 0 {
            report.say(&format!("{others} counts are not compared: another compiler made the stored ones\n"));
        }
        report.missed(records.iter().filter_map(|record| gate::missed(record, before)));
    }
    if !IS_GATE {
        report.missed(requests.iter().filter_map(missed));
    }
    Ok(report.finish()?)
}

/// How the cells are counted.
struct Counter {
    callgrind: Callgrind,
    /// The number of decisions or requests of each repetition.
    many: u64,
    reps: usize,
    /// The stored records.
    before: Vec<Record<Instructions>>,
    compiler: String,
    /// Whether the counts are compared with the stored ones.
    is_gate: bool,
}

impl Counter {
    /// Returns a record of all repetitions.
    fn count(
        &self,
        (cell, subject): (&str, &str),
        once: impl Fn(&Callgrind) -> Result<u64, Box<dyn Error>>,
    ) -> Result<Record<Instructions>, Box<dyn Error>> {
        let mut counts = Vec::new();
        while counts.len() < self.reps || self.is_doubtful((cell, subject), &counts) {
            counts.push(once(&self.callgrind)? as f64 / self.many as f64);
        }
        let (least, most) =
            counts.iter().fold((f64::MAX, f64::MIN), |(a, b), &count| (a.min(count), b.max(count)));
        // On a busy machine, other work of the process only adds to a count.
        let instructions = if IS_GATE { least } else { median(&counts) };
        let (spread, reps) = ((most - least) / instructions, counts.len());
        let compiler = self.compiler.clone();
        Ok(record(cell, subject, 0.0, Instructions { instructions, added: None, spread, reps, compiler }))
    }

    /// Whether the gate counts a cell once more, because all counts so far have grown too much.
    fn is_doubtful(&self, cell: (&str, &str), counts: &[f64]) -> bool {
        const MOST: usize = 4;
        let stored = gate::stored(cell, &self.before).filter(|stored| stored.compiler == self.compiler);
        let Some(stored) = stored.filter(|_| self.is_gate) else { return false };
        counts.len() < MOST && counts.iter().all(|&count| gate::growth(count, stored).is_some())
    }
}

/// Adds the comparisons with the requests of the bare services and of the best-known layer.
fn compare(records: &mut [Record<Instructions>]) {
    let of = |cell: &str, subject: &str| {
        let other = records.iter().find(|record| record.cell == cell && record.subject == subject);
        other.map(|record| record.more.instructions)
    };
    let others = |Record { cell, subject, .. }: &Record<Instructions>| {
        let bare = request::bare_of(cell, subject).and_then(|bare| of(&request::name(bare), bare.subject));
        (bare, of(cell, LAYER))
    };
    let others: Vec<_> = records.iter().map(others).collect();
    for (record, (bare, layer)) in records.iter_mut().zip(others) {
        let own = record.more.instructions;
        record.more.added = bare.map(|bare| own - bare);
        record.vs_floor = bare.map(|bare| own / bare);
        record.vs_governor = layer.map(|layer| layer / own);
    }
}

/// Returns the target that a request misses.
fn missed(Record { cell, subject, more, .. }: &Record<Instructions>) -> Option<String> {
    let service = SERVICES.iter().find(|it| request::name(it) == *cell && it.subject == subject)?;
    let (added, target) = (more.added?, service.added?);
    (added > target).then(|| format!("{cell}: {added:.0} instructions more than bare, not {target}"))
}

/// Returns the records as a table.
pub(crate) fn table(records: &[Record<Instructions>]) -> String {
    let mut table = Table::new(["cell", "subject", "instructions", "more than bare"]);
    for Record { cell, subject, more, .. } in records {
        let added = more.added.map_or_else(dash, |added| format!("{added:.0}"));
        table.row([cell.clone(), subject.clone(), format!("{:.0}", more.instructions), added]);
    }
    table.render()
}

fn dash() -> String {
    "-".to_owned()
}

/// Returns the records as a table, each beside the stored record of its cell and subject.
fn table_beside(records: &[Record<Instructions>], before: &[Record<Instructions>]) -> String {
    let mut table =
        Table::new(["cell", "subject", "instructions", "spread", "more than bare", "kept", "change"]);
    for record in records {
        let Record { cell, subject, more, .. } = record;
        let kept = gate::stored((cell, subject), before).map(|other| other.instructions);
        table.row([
            cell.clone(),
            subject.clone(),
            format!("{:.1}", more.instructions),
            if more.reps > 1 { format!("{:.2} %", more.spread * 100.0) } else { dash() },
            more.added.map_or_else(dash, |added| format!("{added:.0}")),
            kept.map_or_else(dash, |kept| format!("{kept:.1}")),
            kept.map_or_else(dash, |kept| percent(more.instructions / kept - 1.0)),
        ]);
    }
    table.render()
}
