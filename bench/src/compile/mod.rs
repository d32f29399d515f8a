//! `compile`: the build time that the library adds to a hello-world service, and that an attribute adds to a
//! program.

mod project;

use std::error::Error;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use self::project::{Folder, Project, facade};
use crate::cli::Options;
use crate::machine::Noise;
use crate::report::{OURS, Record, Report, Table, number, percent, ratio, record};
use crate::statistics::{median, paired, spread};

/// The values that this command measures besides time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Build {
    pub(crate) seconds: f64,
    /// The number of crates in the dependency tree; `None` if only the last crate is compiled.
    pub(crate) crates: Option<usize>,
    /// The milliseconds that one attribute adds.
    pub(crate) attribute_ms: Option<f64>,
    pub(crate) spread: f64,
    pub(crate) reps: usize,
}

/// The target for a clean build with the library, as a multiple of one without.
const LONGER: f64 = 1.3;
/// The target for the number of crates in the dependency tree.
const CRATES: usize = 80;

const BARE: &str = "bare";
const REFERENCE: &str = "governor";

/// Runs the command. Returns whether all targets were met.
pub(crate) fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut report = Report::new("compile", options);
    let folder = Folder::new()?;
    let mut records = Vec::new();
    if options.wants_cell("clean") {
        records.extend(clean(&folder, options)?);
    }
    for command in ["check", "build"] {
        let cell = format!("attribute/{command}");
        if options.wants_cell(&cell) {
            records.extend(attributes(&folder, command, &cell, options)?);
        }
    }
    report.records(&records);
    report.say(&table(&records));
    report.missed(records.iter().filter_map(missed));
    Ok(report.finish()?)
}

/// Measures clean builds of a hello-world service with each of the libraries.
fn clean(folder: &Folder, options: &Options) -> Result<Vec<Record<Build>>, Box<dyn Error>> {
    const HELLO: &str = "axum = \"0.8\"\n\
        tokio = { version = \"1\", features = [\"macros\", \"net\", \"rt-multi-thread\"] }\n";
    const MAIN: (&str, &str) = ("src/main.rs", include_str!("hello.rs"));
    let added = [
        (BARE, String::new()),
        (OURS, facade()),
        (REFERENCE, "governor = \"0.10\"\n".to_owned()),
        ("tower_governor", "tower_governor = \"0.8\"\n".to_owned()),
    ];
    let added = added.into_iter().filter(|(name, _)| options.wants_subject(name));
    let project = |(name, added): (&'static str, String)| {
        let project = Project::new(folder, &format!("hello-{name}"), &format!("{HELLO}{added}"), MAIN);
        project.map(|project| (name, project))
    };
    let projects = added.map(project).collect::<Result<Vec<_>, _>>()?;
    let mut seconds = vec![Vec::new(); projects.len()];
    let mut noise = Noise::default();
    for _ in 0..reps(options) {
        for ((_, project), seconds) in projects.iter().zip(&mut seconds) {
            project.clean()?;
            noise.sample();
            seconds.push(project.build("build")?);
        }
    }
    let timed: Vec<_> = projects.iter().map(|(name, _)| *name).zip(seconds).collect();
    let mut records = compared("clean", &timed, noise.spread());
    for (record, (_, project)) in records.iter_mut().zip(&projects) {
        record.more.crates = Some(project.crates()?);
    }
    Ok(records)
}

/// Measures 200 functions with and without an attribute. All dependencies are built before.
fn attributes(
    folder: &Folder,
    command: &str,
    cell: &str,
    options: &Options,
) -> Result<Vec<Record<Build>>, Box<dyn Error>> {
    const FUNCTIONS: usize = 200;
    let variants = [
        (BARE, ""),
        (OURS, "#[throttle::throttle(rate = \"100/min\")]\n"),
        ("tracing::instrument", "#[tracing::instrument]\n"),
    ];
    let dependencies = format!("{}tracing = \"0.1\"\n", facade());
    let project = Project::new(folder, &format!("attributes-{command}"), &dependencies, ("src/lib.rs", ""))?;
    project.build(command)?;
    let mut timed = variants.map(|(name, _)| (name, Vec::new()));
    let mut noise = Noise::default();
    for _ in 0..reps(options) {
        for ((_, attribute), (_, seconds)) in variants.iter().zip(&mut timed) {
            project.write("src/lib.rs", &functions(FUNCTIONS, attribute))?;
            noise.sample();
            seconds.push(project.build(command)?);
        }
    }
    let mut records = compared(cell, &timed, noise.spread());
    for (record, (_, seconds)) in records.iter_mut().zip(&timed).skip(1) {
        let added = paired(seconds, &timed[0].1, |own, bare| (own - bare) / FUNCTIONS as f64);
        record.more.attribute_ms = Some(added * 1e3);
    }
    Ok(records)
}

fn functions(count: usize, attribute: &str) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        let _ =
            writeln!(text, "{attribute}pub async fn handler_{number}() -> String {{ {number}.to_string() }}");
        text
    })
}

fn reps(options: &Options) -> usize {
    options.reps.unwrap_or(if options.quick { 1 } else { 3 })
}

/// Returns a record for each subject. Ratios are taken within each repetition.
fn compared(cell: &str, timed: &[(&'static str, Vec<f64>)], noise: f64) -> Vec<Record<Build>> {
    let of = |wanted: &str| timed.iter().find(|(name, _)| *name == wanted).map(|(_, seconds)| seconds);
    let record = |(name, own): &(&'static str, Vec<f64>)| {
        let more = Build {
            seconds: median(own),
            crates: None,
            attribute_ms: None,
            spread: spread(own),
            reps: own.len(),
        };
        Record {
            ns: Some(more.seconds * 1e9),
            vs_governor: of(REFERENCE).map(|other| paired(own, other, |own, other| other / own)),
            vs_floor: of(BARE).map(|bare| paired(own, bare, |own, bare| own / bare)),
            ..record(cell, name, noise, more)
        }
    };
    timed.iter().map(record).collect()
}

pub(crate) fn table(records: &[Record<Build>]) -> String {
    let mut table =
        Table::new(["cell", "subject", "seconds", "spread", "of bare", "crates", "ms per attribute"]);
    for Record { cell, subject, vs_floor, more, noise, .. } in records {
        table.row([
            cell.clone(),
            subject.clone(),
            number(more.seconds),
            percent(more.spread),
            ratio(*vs_floor),
            more.crates.map_or_else(|| "-".to_owned(), |crates| crates.to_string()),
            more.attribute_ms.map_or_else(|| "-".to_owned(), number),
            percent(*noise),
        ]);
    }
    table.render()
}

fn missed(Record { cell, peer, vs_floor, more, .. }: &Record<Build>) -> Option<String> {
    let (longer, crates) = (vs_floor.unwrap_or_default(), more.crates?);
    let missed = !peer && (longer > LONGER || crates > CRATES);
    missed.then(|| format!("{cell}: {longer:.2}x of bare and {crates} crates, not {LONGER}x and {CRATES}"))
}
