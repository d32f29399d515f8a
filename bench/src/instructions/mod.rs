//! `instructions`: the number of instructions of one decision and of one request, counted by callgrind.
//!
//! Unlike a time, the number of instructions does not depend on the load of the machine. Each count comes
//! from one child process, between a mark after the first decisions or requests and a mark after the last
//! one. So it does not include startup.

mod callgrind;
mod decision;
mod request;

use std::error::Error;

use serde::{Deserialize, Serialize};

use self::callgrind::Callgrind;
pub(crate) use self::decision::decide;
use crate::cli::Options;
use crate::http::{BARE, LAYER};
use crate::report::{Record, Report, Table, kept, percent, record};
use crate::statistics::median;

/// The values that this command measures.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the field is the name of the figure in the results")]
pub(crate) struct Instructions {
    /// Instructions per decision or request: the median of all repetitions.
    pub(crate) instructions: f64,
    /// Instructions more than the bare service takes. Only for requests.
    pub(crate) added: Option<f64>,
    /// The difference between the largest and the smallest repetition, as a fraction of the median.
    pub(crate) spread: f64,
    pub(crate) reps: usize,
}

/// The number of decisions or requests before the first mark. In this time, tables grow, buffers are
/// allocated, and requests are searched for headers of undeclared proxies.
pub(crate) const FIRST: u64 = 1_500;

/// Runs the command. Returns `true` if everything could be counted: there are no targets yet.
pub(crate) fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let callgrind = Callgrind::find()?;
    let mut report = Report::new("instructions", options);
    let before = kept("instructions").unwrap_or_default();
    let many = if options.quick { 1_000 } else { 4_000 };
    let reps = options.reps.unwrap_or(if options.quick { 1 } else { 3 });
    let wanted = |cell: &str, subject: &str| options.wants_cell(cell) && options.wants_subject(subject);
    let decisions = decision::all(wanted).map(|cell| cell.count(&callgrind, many, reps));
    let decisions = decisions.collect::<Result<Vec<_>, _>>()?;
    report.records(&decisions);
    report.say(&table_beside(&decisions, &before));
    let requests = request::all(wanted).map(|cell| cell.count(&callgrind, many, reps));
    let mut requests = requests.collect::<Result<Vec<_>, _>>()?;
    compare(&mut requests);
    report.records(&requests);
    report.say(&table_beside(&requests, &before));
    Ok(report.finish()?)
}

/// Returns a record of all repetitions. Each repetition counts `many` decisions or requests.
fn counted(
    (cell, subject): (&str, &str),
    (many, reps): (u64, usize),
    once: impl Fn() -> Result<u64, Box<dyn Error>>,
) -> Result<Record<Instructions>, Box<dyn Error>> {
    let counts = (0..reps).map(|_| Ok(once()? as f64 / many as f64));
    let counts = counts.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let instructions = median(&counts);
    let (least, most) =
        counts.iter().fold((f64::MAX, f64::MIN), |(a, b), &count| (a.min(count), b.max(count)));
    let spread = (most - least) / instructions;
    let more = Instructions { instructions, added: None, spread, reps: counts.len() };
    Ok(record(cell, subject, 0.0, more))
}

/// Adds the comparisons with the requests of the bare service and of the layer.
fn compare(records: &mut [Record<Instructions>]) {
    let of = |cell: &str, subject: &str| {
        let other = records.iter().find(|record| record.cell == cell && record.subject == subject);
        other.map(|record| record.more.instructions)
    };
    let bare = of(request::BARE_CELL, BARE);
    let layers: Vec<_> = records.iter().map(|record| of(&record.cell, LAYER)).collect();
    for (record, layer) in records.iter_mut().zip(layers) {
        let own = record.more.instructions;
        record.more.added = bare.map(|bare| own - bare);
        record.vs_floor = bare.map(|bare| own / bare);
        record.vs_governor = layer.map(|layer| layer / own);
    }
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
        let kept = before.iter().find(|other| (&other.cell, &other.subject) == (cell, subject));
        let kept = kept.map(|other| other.more.instructions);
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
