//! `footprint`: memory per key, and under a flood of keys. Each row is measured in a process of its own.

mod flood;
mod growth;
mod honest;

use std::error::Error;

pub(crate) use self::flood::{Flood, flood};
pub(crate) use self::growth::{Growth, growth};
pub(crate) use self::honest::{Honest, honest};

use crate::child;
use crate::cli::Options;
use crate::machine::Noise;
use crate::memory::{FLOOR, REFERENCE, peers};
use crate::report::{OURS, Record, Report, Table, number, percent, ratio, record};

/// The target for the bytes per key.
pub(crate) const BYTES: f64 = 40.0;
/// The target for the 99.9 % quantile of the decision time, as a multiple of the median.
const TAIL: f64 = 20.0;
/// The bytes per key that the sketches of evicted states may take beside the table.
const SKETCH: f64 = 48.0;
/// The target for denied requests of honest clients, per thousand requests.
const DENIED: f64 = 1.0;

/// Runs the command. Returns whether all targets were met.
pub(crate) fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut report = Report::new("footprint", options);
    for (keys, cell) in [(1_000_000, "1m"), (5_000_000, "5m")] {
        if !(options.quick && keys > 1_000_000) {
            let records = grow(keys, cell, options)?;
            report.records(&records);
            report.say(&growth_table(&records));
            report.missed(records.iter().filter_map(too_large));
        }
    }
    let grown = report.finish()?;
    let mut report = Report::new("flood", options);
    let records = flooded(options)?;
    report.records(&records);
    report.say(&flood_table(&records));
    report.missed(records.iter().flat_map(not_calm));
    let calm = report.finish()?;
    let mut report = Report::new("honest", options);
    let records = crowded(options)?;
    report.records(&records);
    report.say(&honest_table(&records));
    report.missed(records.iter().filter_map(locked_out));
    Ok(report.finish()? && calm && grown)
}

/// Measures each subject in a process of its own.
fn grow(keys: u64, cell: &str, options: &Options) -> Result<Vec<Record<Growth>>, Box<dyn Error>> {
    let ours = growth::OURS.iter().map(|name| (name.replace(OURS, cell), *name, OURS));
    let peers = peers().map(|name| (cell.to_owned(), name, name));
    let mut records = Vec::new();
    for (cell, name, subject) in ours.chain(peers) {
        // The default backend keeps one million keys. The slowest peer takes minutes for more, with the same
        // result per key.
        let to_skip = keys > 1_000_000 && matches!(name, growth::OUT_OF_THE_BOX | "limitador");
        if to_skip || !options.wants_cell(&cell) || !options.wants_subject(subject) {
            continue;
        }
        let growth: Growth = child::ask(&["growth", name, &keys.to_string()])?;
        records.push(Record { ns: Some(growth.per_new_key), ..record(&cell, subject, noise(), growth) });
    }
    let of =
        |subject| records.iter().find(|record| record.subject == subject).map(|record| record.more.bytes);
    let (reference, floor) = (of(REFERENCE), of(FLOOR));
    for record in &mut records {
        record.vs_governor = reference.map(|bytes| bytes / record.more.bytes);
        record.vs_floor = floor.map(|bytes| record.more.bytes / bytes);
    }
    Ok(records)
}

pub(crate) fn growth_table(records: &[Record<Growth>]) -> String {
    let headings = [
        "cell",
        "subject",
        "bytes/key",
        "peak",
        "vs governor",
        "vs floor",
        "ns/new key",
        "evictions",
        "machine's noise",
    ];
    let mut table = Table::new(headings);
    for Record { cell, subject, vs_governor, vs_floor, more, noise, .. } in records {
        table.row([
            cell.clone(),
            subject.clone(),
            number(more.bytes),
            number(more.peak),
            ratio(*vs_governor),
            ratio(*vs_floor),
            number(more.per_new_key),
            more.evictions.to_string(),
            percent(*noise),
        ]);
    }
    table.render()
}

fn too_large(Record { cell, peer, more, .. }: &Record<Growth>) -> Option<String> {
    let too_large = !peer && more.bytes > BYTES;
    too_large.then(|| format!("{cell}: {:.1} bytes per key, not {BYTES}", more.bytes))
}

/// Returns the machine's noise after a measuring process has ended.
fn noise() -> f64 {
    let mut noise = Noise::default();
    (0..50).for_each(|_| noise.sample());
    noise.spread()
}

/// Runs a flood for each subject.
fn flooded(options: &Options) -> Result<Vec<Record<Flood>>, Box<dyn Error>> {
    let keys = if options.quick { 3_000_000 } else { 10_000_000 };
    let mut records = Vec::new();
    for (name, cell, subject) in [
        ("gcra", "flood/gcra", OURS),
        ("fixed-window", "flood/fixed-window", OURS),
        (REFERENCE, "flood", REFERENCE),
    ] {
        if options.wants_cell(cell) && options.wants_subject(subject) {
            let flood: Flood = child::ask(&["flood", name, &keys.to_string()])?;
            records.push(Record { ns: Some(flood.median), ..record(cell, subject, noise(), flood) });
        }
    }
    let reference = records.iter().find(|record| record.subject == REFERENCE).and_then(|record| record.ns);
    for record in &mut records {
        record.vs_governor = reference.zip(record.ns).map(|(reference, ns)| reference / ns);
    }
    Ok(records)
}

pub(crate) fn flood_table(records: &[Record<Flood>]) -> String {
    let headings = [
        "cell",
        "subject",
        "median ns",
        "p99",
        "p99.9",
        "p99.9/median",
        "max",
        "MB at 1 M",
        "MB at the end",
        "hot passed",
        "machine's noise",
    ];
    let mut table = Table::new(headings);
    for Record { cell, subject, more, noise, .. } in records {
        table.row([
            cell.clone(),
            subject.clone(),
            number(more.median),
            number(more.p99),
            number(more.p999),
            ratio(Some(more.p999 / more.median)),
            number(more.max),
            number(more.megabytes.first().copied().unwrap_or_default()),
            number(more.megabytes.last().copied().unwrap_or_default()),
            format!("{} of {}", more.passed, more.probes),
            percent(*noise),
        ]);
    }
    table.render()
}

fn not_calm(Record { cell, peer, more, .. }: &Record<Flood>) -> Vec<String> {
    let mut missed = Vec::new();
    if *peer {
        return missed;
    }
    let tail = more.p999 / more.median;
    if tail > TAIL {
        missed.push(format!("{cell}: p99.9 is {tail:.1} times the median, not {TAIL}"));
    }
    let most = more.megabytes.iter().copied().fold(0.0, f64::max);
    let allowed = (BYTES + SKETCH) * flood::MAX_KEYS as f64 / 1e6;
    if most > allowed {
        missed.push(format!("{cell}: memory grows to {most:.1} MB, not {allowed:.1}"));
    }
    if more.passed > 0 {
        missed.push(format!("{cell}: the client at its limit passed {} times", more.passed));
    }
    missed
}

/// Runs each scenario in a process of its own.
fn crowded(options: &Options) -> Result<Vec<Record<Honest>>, Box<dyn Error>> {
    let max_keys: u64 = if options.quick { 100_000 } else { 1_000_000 };
    let mut records = Vec::new();
    for scenario in ["mixed-periods", "flood", "day/fixed-window", "day/token-bucket"] {
        let cell = format!("honest/{scenario}");
        if options.wants_cell(&cell) && options.wants_subject(OURS) {
            let (honest, ns): (Honest, f64) = child::ask(&["honest", scenario, &max_keys.to_string()])?;
            records.push(Record { ns: Some(ns), ..record(&cell, OURS, noise(), honest) });
        }
    }
    Ok(records)
}

pub(crate) fn honest_table(records: &[Record<Honest>]) -> String {
    let headings =
        ["cell", "max_keys", "requests", "denied", "per 1000", "evictions", "bytes/key", "ns/decision"];
    let mut table = Table::new(headings);
    for Record { cell, ns, more, .. } in records {
        table.row([
            cell.clone(),
            more.max_keys.to_string(),
            more.requests.to_string(),
            more.denied.to_string(),
            format!("{:.3}", per_thousand(more)),
            more.evictions.to_string(),
            number(more.bytes),
            number(ns.unwrap_or_default()),
        ]);
    }
    table.render()
}

fn per_thousand(honest: &Honest) -> f64 {
    honest.denied as f64 * 1_000.0 / honest.requests as f64
}

fn locked_out(Record { cell, more, .. }: &Record<Honest>) -> Option<String> {
    let denied = per_thousand(more);
    (denied > DENIED)
        .then(|| format!("{cell}: {denied:.2} of a thousand honest requests are denied, not {DENIED}"))
}
