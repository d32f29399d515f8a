//! Tables of the records.

use super::{CALLERS, Cell, Shared, names};
use crate::report::{Record, Table, number, percent, ratio};

/// Returns a table for each cell that was measured.
pub(crate) fn tables(records: &[Record<Shared>]) -> String {
    // Sort the records: stored records of different runs are not in the order of the cells.
    let of_cell = |cell: Cell| {
        let name = cell.to_string();
        let records: Vec<_> = records.iter().filter(|record| record.cell == name).collect();
        (!records.is_empty()).then(|| table(cell, &records))
    };
    Cell::all().filter_map(of_cell).collect::<Vec<_>>().join("\n")
}

fn table(cell: Cell, records: &[&Record<Shared>]) -> String {
    let headings = [
        &cell.to_string(),
        "callers",
        "decisions/s",
        "spread",
        "vs incr",
        "vs script",
        "vs plain",
        "p50 us",
        "p99 us",
    ];
    let mut table = Table::new(headings);
    for callers in CALLERS {
        for name in names(cell) {
            let mut of_both = records.iter().filter(|record| record.more.callers == callers);
            let Some(Record { more, .. }) = of_both.find(|record| record.subject == name) else { continue };
            table.row([
                name.to_owned(),
                callers.to_string(),
                format!("{:.0}", more.ops_per_s),
                percent(more.spread),
                ratio(more.vs_incr),
                ratio(more.vs_script),
                ratio(more.vs_plain),
                number(more.p50_us),
                format!("{} ({})", number(more.p99_us), ratio(more.p99_vs_script)),
            ]);
        }
    }
    let noise = records.iter().map(|record| record.noise).fold(0.0, f64::max);
    format!("{}\nmachine's noise: {}\n", table.render(), percent(noise))
}
