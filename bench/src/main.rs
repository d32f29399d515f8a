//! Benchmarks of this library: the cost of a decision, compared with other libraries ("peers") and with a
//! lower bound ("floor").
//!
//! The results are ratios. All subjects run in the same process in turns, so noise of the machine affects all
//! of them alike.

#![expect(clippy::cast_precision_loss, reason = "counts that are measured have far less than 52 bits")]

mod allocations;
mod bursts;
mod child;
mod cli;
mod compile;
mod failover;
mod footprint;
mod hash;
mod http;
mod instructions;
mod machine;
mod mark;
mod memory;
mod plot;
mod poll;
mod redis;
mod report;
#[path = "../../tests/process/redis.rs"]
mod server;
mod soak;
mod statistics;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use cli::{Asked, Command, Options};
use serde::Serialize;

fn main() -> ExitCode {
    let met = match cli::parse() {
        Ok(Asked::Command(command, options)) => run(command, &options).map(|met| met || !options.check),
        Ok(Asked::Child(part)) => run_part(&part).map(|()| true),
        Ok(Asked::Help) => {
            print!("{}", cli::HELP);
            Ok(true)
        }
        Err(error) => {
            eprintln!("{error}\n\n{}", cli::HELP);
            return ExitCode::from(2);
        }
    };
    match met {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command. Returns whether all targets were met.
fn run(command: Command, options: &Options) -> Result<bool, Box<dyn Error>> {
    match command {
        Command::Memory => memory::run(options),
        Command::Hash => hash::run(options),
        Command::Footprint => footprint::run(options),
        Command::Http => http::run(options),
        Command::Instructions => instructions::run(options),
        Command::Redis => redis::run(options),
        Command::Failover => failover::run(options),
        Command::Soak => soaked(options),
        Command::Compile => compile::run(options),
        Command::Plot => plot::run().map(|()| true),
        Command::Bursts => bursts::run().map(|()| true),
    }
}

/// Runs one part of a measurement, in the process that [`child::command`] started.
fn run_part(part: &[String]) -> Result<(), Box<dyn Error>> {
    let part: Vec<_> = part.iter().map(String::as_str).collect();
    match *part {
        ["growth", subject, keys] => print_json(&footprint::growth(subject, keys.parse()?)?),
        ["honest", scenario, keys] => print_json(&footprint::honest(scenario, keys.parse()?)?),
        ["flood", subject, keys] => print_json(&footprint::flood(subject, keys.parse()?)?),
        ["serve", mode] => http::serve(mode),
        ["serve-counted", mode] => http::serve_counted(mode),
        ["decide", strategy, outcome, way, decisions] => {
            instructions::decide(strategy, outcome, way, decisions.parse()?)
        }
        _ => Err("no such part of a measurement".into()),
    }
}

fn print_json(value: &impl Serialize) -> Result<(), Box<dyn Error>> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// Runs the soak test. Problems are always errors, with and without `--check`.
fn soaked(options: &Options) -> Result<bool, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let summary = runtime.block_on(soak::run(Duration::from_secs(options.seconds.unwrap_or(60)), seed))?;
    print!("{summary}");
    match summary.problems() {
        problems if problems.is_empty() => Ok(true),
        problems => Err(problems.join("\n").into()),
    }
}
