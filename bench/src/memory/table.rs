//! Tables of the records.

use super::cell::{Algorithm, Cell, Outcome, Traffic};
use super::{Decisions, MAKERS};
use crate::report::{OURS, Record, Table, number, percent, ratio};

/// Returns a table of a cell with all subjects.
pub(super) fn of_cell(records: &[Record<Decisions>]) -> String {
    let Some(first) = records.first() else { return String::new() };
    let mut table = Table::new([&first.cell, "ns", "spread", "vs governor", "vs floor", "allocations"]);
    for Record { subject, ns, vs_governor, vs_floor, more, .. } in records {
        table.row([
            subject.clone(),
            number(ns.unwrap_or_default()),
            percent(more.spread),
            ratio(*vs_governor),
            ratio(*vs_floor),
            number(more.allocations),
        ]);
    }
    format!("{}\nmachine's noise: {}\n", table.render(), percent(first.noise))
}

/// Returns a table of this library in all cells.
pub(crate) fn ours(records: &[Record<Decisions>]) -> String {
    let mut table =
        Table::new([OURS, "ns", "spread", "vs governor", "vs floor", "allocations", "machine's noise"]);
    // Sort the records: stored records of different runs are not in the order of the cells.
    let names = Cell::all().map(|cell| cell.to_string());
    let ours = names.filter_map(|name| records.iter().find(|record| record.cell == name && !record.peer));
    for Record { cell, ns, vs_governor, vs_floor, more, noise, .. } in ours {
        table.row([
            cell.clone(),
            number(ns.unwrap_or_default()),
            percent(more.spread),
            ratio(*vs_governor),
            ratio(*vs_floor),
            number(more.allocations),
            percent(*noise),
        ]);
    }
    table.render()
}

/// Returns a table of all subjects in the cells that differ only in traffic.
pub(crate) fn grid(
    records: &[Record<Decisions>],
    outcome: Outcome,
    algorithm: Algorithm,
    threads: usize,
) -> String {
    let traffics = [Traffic::Hot, Traffic::Thousand, Traffic::Uniform, Traffic::Zipf];
    let cells = traffics.map(|traffic| Cell { traffic, outcome, algorithm, threads }.to_string());
    let [hot, thousand, uniform, zipf] = &cells;
    let mut table = Table::new(["ns (vs governor, vs floor)", hot, thousand, uniform, zipf]);
    for maker in &MAKERS {
        let of_maker = |cell: &String| {
            let record = records.iter().find(|record| record.cell == *cell && record.subject == maker.name);
            record.map_or_else(
                || "-".to_owned(),
                |Record { ns, vs_governor, vs_floor, .. }| {
                    format!(
                        "{} ({}, {})",
                        number(ns.unwrap_or_default()),
                        ratio(*vs_governor),
                        ratio(*vs_floor)
                    )
                },
            )
        };
        table.row([
            maker.name.to_owned(),
            of_maker(hot),
            of_maker(thousand),
            of_maker(uniform),
            of_maker(zipf),
        ]);
    }
    table.render()
}
