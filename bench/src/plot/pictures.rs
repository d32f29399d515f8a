//! Selects the records for each chart.

use std::error::Error;
use std::path::Path;

use plotters::style::RGBColor;

use super::bars::{BLUE, Bar, GREEN, ORANGE, Panel, draw};
use super::{Kept, flood};
use crate::footprint::BYTES;
use crate::memory::{Algorithm, Cell, Decisions, FLOOR, Outcome};
use crate::redis::{INCR, SHARE};
use crate::report::{Record, number};
use crate::services::BARE;

/// Draws the charts of all stored records into a folder.
pub(super) fn draw_all(folder: &Path, kept: &Kept) -> Result<(), Box<dyn Error>> {
    for threads in [1, 2] {
        draw(&folder.join(format!("memory-{threads}t.svg")), decisions(&kept.memory, threads))?;
    }
    draw(&folder.join("footprint.svg"), footprint(kept))?;
    flood::draw(&folder.join("flood.svg"), &kept.flood)?;
    draw(&folder.join("http.svg"), http(kept))?;
    // The page has no section for this chart without records.
    if !kept.redis.is_empty() {
        draw(&folder.join("redis.svg"), redis(kept))?;
    }
    draw(&folder.join("compile.svg"), compile(kept))
}

fn bar<T>(record: &Record<T>, value: f64, text: String) -> Bar {
    Bar { label: record.subject.clone(), value, text, colour: colour(record) }
}

fn colour<T>(record: &Record<T>) -> RGBColor {
    match (record.peer, record.subject.as_str()) {
        (false, _) => BLUE,
        (true, FLOOR | BARE | INCR) => GREEN,
        (true, _) => ORANGE,
    }
}

/// Returns a panel for each combination of traffic and outcome.
fn decisions(records: &[Record<Decisions>], threads: usize) -> Vec<Panel> {
    let cells = Cell::all().filter(|cell| cell.threads == threads && cell.algorithm == Algorithm::Gcra);
    let cells = cells.filter(|cell| cell.outcome != Outcome::Stale);
    let panel = |cell: Cell| {
        let of_cell = records.iter().filter(|record| record.cell == cell.to_string());
        let ns = |record: &Record<_>| record.ns.unwrap_or_default();
        let bars = of_cell.map(|record| bar(record, ns(record), format!("{} ns", number(ns(record)))));
        Panel {
            title: format!("{}, {}", cell.traffic.describe(), cell.outcome.describe()),
            bars: bars.collect(),
            target: None,
        }
    };
    cells.map(panel).collect()
}

fn footprint(kept: &Kept) -> Vec<Panel> {
    let panel = |(cell, title): (&str, &str)| {
        let of_cell = kept.footprint.iter().filter(|record| record.cell.split('/').next() == Some(cell));
        let bars = of_cell.map(|record| Bar {
            label: record.cell.replacen(cell, &record.subject, 1).replace('/', ", "),
            ..bar(record, record.more.bytes, format!("{} bytes", number(record.more.bytes)))
        });
        Panel { title: title.to_owned(), bars: bars.collect(), target: Some(BYTES) }
    };
    [("1m", "bytes per key, 1 M keys"), ("5m", "bytes per key, 5 M keys")].map(panel).into()
}

fn http(kept: &Kept) -> Vec<Panel> {
    let panel = |(cell, title): (&str, &str)| {
        let mut of_cell = kept.http.iter().filter(|record| record.cell == cell);
        let bare = kept.http.iter().filter(|record| record.cell == BARE);
        let rates = bare.chain(of_cell.clone());
        let bars =
            rates.map(|record| bar(record, record.more.of_bare, format!("{:.3}", record.more.of_bare)));
        let bars = bars.collect();
        let target = of_cell.find_map(|record| record.more.target);
        Panel { title: format!("requests/s as a part of bare: {title}"), bars, target }
    };
    [("no-headers", "no headers"), ("headers", "with headers"), ("denied", "all denied")].map(panel).into()
}

fn redis(kept: &Kept) -> Vec<Panel> {
    let panel = |(cell, title): (&str, &str)| {
        let of_cell = kept.redis.iter().filter(|record| record.cell == cell && record.more.callers == 64);
        let bars = of_cell.filter_map(|record| {
            let share = record.more.vs_incr?;
            Some(bar(record, share, format!("{share:.2}")))
        });
        let title = format!("decisions/s as a part of INCRs: {title}");
        Panel { title, bars: bars.collect(), target: Some(SHARE) }
    };
    [("many/fixed-window", "fixed window"), ("many/gcra", "GCRA")].map(panel).into()
}

fn compile(kept: &Kept) -> Vec<Panel> {
    let clean = || kept.compile.iter().filter(|record| record.cell == "clean");
    let times =
        clean().map(|record| bar(record, record.more.seconds, format!("{} s", number(record.more.seconds))));
    let crates = clean().map(|record| {
        let crates = record.more.crates.unwrap_or_default();
        bar(record, crates as f64, crates.to_string())
    });
    vec![
        Panel { title: "clean build".to_owned(), bars: times.collect(), target: None },
        Panel { title: "crates in the tree".to_owned(), bars: crates.collect(), target: Some(80.0) },
    ]
}
