//! The output of a command: a table for people, or one JSON object per line for programs.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cli::Options;
use crate::machine;

/// The result of one subject in one cell. `T` has the values that only one command measures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record<T> {
    pub(crate) cell: String,
    pub(crate) subject: String,
    /// Whether the subject is another library.
    pub(crate) peer: bool,
    /// Nanoseconds per decision or request.
    pub(crate) ns: Option<f64>,
    /// How many times faster, or smaller, the subject is than governor or a library on top of governor.
    pub(crate) vs_governor: Option<f64>,
    /// How many times slower, or larger, the subject is than the floor, or than a program without a limiter.
    pub(crate) vs_floor: Option<f64>,
    #[serde(flatten)]
    pub(crate) more: T,
    /// The interquartile range of the times of a fixed loop, as a fraction of their median.
    pub(crate) noise: f64,
    pub(crate) date: String,
    pub(crate) machine: String,
}

/// The subject name of this library.
pub(crate) const OURS: &str = "throttle";
/// The subject name of this library's layer.
pub(crate) const OUR_LAYER: &str = "ThrottleLayer";

/// Collects and prints the results of a command.
pub(crate) struct Report {
    json: bool,
    lines: String,
    missed: Vec<String>,
    file: Option<PathBuf>,
}

impl Report {
    pub(crate) fn new(command: &str, options: &Options) -> Self {
        let file = options.save.then(|| results(command));
        Self { json: options.json, lines: String::new(), missed: Vec::new(), file }
    }

    /// Prints a text for people. With `--json`, it goes to standard error.
    pub(crate) fn say(&self, text: &str) {
        if self.json {
            eprintln!("{text}");
        } else {
            println!("{text}");
        }
    }

    pub(crate) fn records<T: Serialize>(&mut self, records: &[Record<T>]) {
        for record in records {
            let line = serde_json::to_string(record).expect("records have text as keys");
            if self.json {
                println!("{line}");
            }
            self.lines.push_str(&line);
            self.lines.push('\n');
        }
    }

    /// Adds missed targets, one line for each.
    pub(crate) fn missed(&mut self, lines: impl IntoIterator<Item = String>) {
        self.missed.extend(lines);
    }

    /// Prints the missed targets, and returns `true` if no target was missed. With `--save`, the records are
    /// stored for [`plot`](crate::plot). They replace all older records of the same cells, because ratios are
    /// valid within one run only.
    pub(crate) fn finish(self) -> io::Result<bool> {
        for line in &self.missed {
            self.say(&format!("missed: {line}"));
        }
        let met = self.missed.is_empty();
        let Some(file) = self.file else { return Ok(met) };
        let older = fs::read_to_string(&file).unwrap_or_default();
        let cells: HashSet<_> = self.lines.lines().filter_map(cell).collect();
        let kept = older.lines().filter(|line| cell(line).is_some_and(|cell| !cells.contains(&cell)));
        let lines: Vec<_> = kept.chain(self.lines.lines()).collect();
        fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        fs::write(file, lines.join("\n") + "\n")?;
        Ok(met)
    }
}

/// Returns the cell of a stored record.
fn cell(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Cell {
        cell: String,
    }
    serde_json::from_str(line).ok().map(|Cell { cell }| cell)
}

/// Returns the stored records of a command.
pub(crate) fn kept<T: DeserializeOwned>(command: &str) -> serde_json::Result<Vec<Record<T>>> {
    let lines = fs::read_to_string(results(command)).unwrap_or_default();
    lines.lines().map(serde_json::from_str).collect()
}

/// Returns the file with the stored records of a command.
fn results(command: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(command).with_extension("jsonl")
}

/// Returns a record without times or ratios. Every subject but [`OURS`] and [`OUR_LAYER`] is a peer.
pub(crate) fn record<T>(cell: &str, subject: &str, noise: f64, more: T) -> Record<T> {
    Record {
        cell: cell.to_owned(),
        subject: subject.to_owned(),
        peer: ![OURS, OUR_LAYER].contains(&subject),
        ns: None,
        vs_governor: None,
        vs_floor: None,
        more,
        noise,
        date: machine::today(),
        machine: machine::class().to_owned(),
    }
}

/// A Markdown table that is also readable as plain text.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned).into()] }
    }

    pub(crate) fn row<const N: usize>(&mut self, fields: [String; N]) {
        self.rows.push(fields.into());
    }

    /// Renders the table. The first column contains names and is aligned to the left; numbers are aligned to
    /// the right.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows[0].len();
        let width = |column: usize| self.rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, (field, &width)) in row.iter().zip(&widths).enumerate() {
                let _ = if column == 0 {
                    write!(text, "| {field:<width$} |")
                } else {
                    write!(text, " {field:>width$} |")
                };
            }
            text.push('\n');
            if number == 0 {
                for (column, &width) in widths.iter().enumerate() {
                    let dashes = "-".repeat(width);
                    let _ =
                        if column == 0 { write!(text, "|-{dashes}-|") } else { write!(text, "-{dashes}:|") };
                }
                text.push('\n');
            }
        }
        text
    }
}

/// Formats a number with three significant digits, or all digits before the point if there are more.
pub(crate) fn number(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2}")
    } else if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Formats a ratio, or a dash if there is nothing to compare with.
pub(crate) fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{}x", number(value)))
}

/// Formats a fraction of 1 in percent.
pub(crate) fn percent(value: f64) -> String {
    format!("{:.0} %", value * 100.0)
}
