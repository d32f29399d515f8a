//! `http`: whole requests to a hello-world service: bare, with the attribute, and with layers.
//!
//! Each service is a process on one processor and runs during the whole measurement. The load comes from
//! another processor. Each repetition visits all services, and ratios are taken within a repetition.

mod built_in;
mod load;
mod observed;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::load::Load;
use self::observed::Seen;
use crate::child;
use crate::cli::Options;
use crate::machine::{self, Noise};
use crate::report::{Record, Report, Table, number, percent, ratio, record};
use crate::services::{self, BARE, DENIED, LAYER, SERVICES, Service};
use crate::statistics::{median, paired, spread};

/// The values that this command measures besides time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Requests {
    pub(crate) per_second: f64,
    /// The rate as a fraction of the bare service's rate.
    pub(crate) of_bare: f64,
    pub(crate) target: Option<f64>,
    /// Nanoseconds of processor time of the server per request, and as a multiple of the bare service's. On a
    /// shared machine, this varies less than the rate.
    pub(crate) worked: f64,
    pub(crate) worked_of_bare: f64,
    /// Microseconds, and as multiples of the bare service's.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p50_of_bare: f64,
    pub(crate) p99_of_bare: f64,
    pub(crate) spread: f64,
    pub(crate) reps: usize,
}

/// A running service.
struct Server {
    service: &'static Service,
    process: Child,
    port: u16,
    seen: Vec<Seen>,
    /// Nanoseconds of processor time per request.
    worked: Vec<f64>,
}

/// The duration of one run: the shortest that wrk supports.
const TURN: Duration = Duration::from_secs(1);

/// Runs the command. Returns whether all targets were met.
pub(crate) fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut report = Report::new("http", options);
    let load = Load::available(options.built_in);
    // The turns are short and many, so that noise of the machine affects all services alike.
    let reps = options.reps.unwrap_or(if options.quick { 3 } else { 15 });
    let mut servers = SERVICES
        .iter()
        .filter(|service| service.is_timed())
        .map(Server::start)
        .collect::<Result<Vec<_>, _>>()?;
    let mut noise = Noise::default();
    for rep in 0..=reps {
        let count = servers.len();
        for turn in 0..count {
            noise.sample();
            let server = &mut servers[(turn + rep) % count];
            let before = machine::processor_time(server.process.id());
            let seen = load.run(server.port, TURN)?;
            let worked = machine::processor_time(server.process.id()) - before;
            // The first repetition is a warm-up.
            if rep > 0 {
                server.check(&seen)?;
                server.worked.push(worked / seen.requests as f64);
                server.seen.push(seen);
            }
        }
    }
    let records = records(&servers, noise.spread());
    report.records(&records);
    report.say(&table(&records));
    report.say(&format!("load from {}; machine's noise: {}\n", load.name(), percent(noise.spread())));
    report.missed(records.iter().flat_map(missed));
    Ok(report.finish()?)
}

/// Runs a service on one processor until the process is killed. The first line of output is the port.
pub(crate) fn serve(name: &str) -> Result<(), Box<dyn Error>> {
    machine::pin(0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(services::listen(name))
}

impl Server {
    fn start(service: &'static Service) -> Result<Self, Box<dyn Error>> {
        let mut process = child::command(&["serve", service.name])?.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { service, process, port: line.trim().parse()?, seen: Vec::new(), worked: Vec::new() })
    }

    /// Fails if the service did not admit or deny all requests as its name says.
    fn check(&self, seen: &Seen) -> Result<(), Box<dyn Error>> {
        let expected = if self.service.cell == DENIED { seen.requests } else { 0 };
        if seen.refused == expected {
            return Ok(());
        }
        Err(format!("{} refused {} of {} requests", self.service.name, seen.refused, seen.requests).into())
    }

    fn each(&self, value: impl Fn(&Seen) -> f64) -> Vec<f64> {
        self.seen.iter().map(value).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // These calls fail if the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn records(servers: &[Server], noise: f64) -> Vec<Record<Requests>> {
    let bare = servers.iter().find(|server| server.service.name == BARE);
    let Some(bare) = bare else { return Vec::new() };
    let record = |server: &Server| {
        let Service { cell, subject, target, .. } = *server.service;
        let rate = server.each(|seen| seen.per_second);
        let of_bare =
            |value: fn(&Seen) -> f64| paired(&server.each(value), &bare.each(value), |own, bare| own / bare);
        let layer = servers.iter().find(|other| (other.service.cell, other.service.subject) == (cell, LAYER));
        let more = Requests {
            per_second: median(&rate),
            of_bare: of_bare(|seen| seen.per_second),
            target,
            worked: median(&server.worked),
            worked_of_bare: paired(&server.worked, &bare.worked, |own, bare| own / bare),
            p50: median(&server.each(|seen| seen.p50)),
            p99: median(&server.each(|seen| seen.p99)),
            p50_of_bare: of_bare(|seen| seen.p50),
            p99_of_bare: of_bare(|seen| seen.p99),
            spread: spread(&rate),
            reps: rate.len(),
        };
        Record {
            ns: Some(1e9 / more.per_second),
            vs_governor: layer
                .map(|layer| paired(&rate, &layer.each(|seen| seen.per_second), |own, other| own / other)),
            vs_floor: Some(1.0 / more.of_bare),
            ..record(cell, subject, noise, more)
        }
    };
    servers.iter().map(record).collect()
}

pub(crate) fn table(records: &[Record<Requests>]) -> String {
    let headings = [
        "cell",
        "subject",
        "requests/s",
        "spread",
        "of bare",
        "CPU us",
        "vs tower_governor",
        "p50 us",
        "p99 us",
    ];
    let mut table = Table::new(headings);
    for Record { cell, subject, vs_governor, more, .. } in records {
        table.row([
            cell.clone(),
            subject.clone(),
            format!("{:.0}", more.per_second),
            percent(more.spread),
            format!("{:.3}", more.of_bare),
            format!("{:.2} ({:.3}x)", more.worked / 1e3, more.worked_of_bare),
            ratio(*vs_governor),
            format!("{} ({})", number(more.p50), ratio(Some(more.p50_of_bare))),
            format!("{} ({})", number(more.p99), ratio(Some(more.p99_of_bare))),
        ]);
    }
    table.render()
}

fn missed(Record { cell, vs_governor, more, .. }: &Record<Requests>) -> Vec<String> {
    let mut missed = Vec::new();
    let Some(target) = more.target else { return missed };
    if more.of_bare < target {
        missed.push(format!("{cell}: {:.3} of bare, not {target}", more.of_bare));
    }
    if let Some(times) = vs_governor.filter(|&times| times < 1.0) {
        missed.push(format!("{cell}: {times:.3} of {LAYER}, not 1"));
    }
    missed
}
