//! Benchmarks of this library: the cost of a decision, compared with other libraries ("peers") and with a
//! lower bound ("floor").
//!
//! The results are ratios. All subjects run in the same process in turns, so noise of the machine affects all
//! of them alike.

#![expect(clippy::cast_precision_loss, reason = "counts that are measured have far less than 52 bits")]
#![cfg_attr(not(feature = "peers"), expect(dead_code, reason = "other commands use it"))]

#[cfg(feature = "peers")]
mod allocations;
#[cfg(feature = "peers")]
mod bursts;
mod child;
mod cli;
#[cfg(feature = "peers")]
mod compile;
#[cfg(feature = "peers")]
mod failover;
#[cfg(feature = "peers")]
mod footprint;
#[cfg(feature = "peers")]
mod hash;
#[cfg(feature = "peers")]
mod http;
mod instructions;
mod machine;
mod mark;
#[cfg(feature = "peers")]
mod memory;
mod ours;
#[cfg(feature = "peers")]
mod plot;
mod poll;
#[cfg(feature = "peers")]
mod redis;
mod report;
mod response;
#[cfg(feature = "peers")]
#[path = "../../tests/process/redis.rs"]
mod server;
mod services;
#[cfg(feature = "peers")]
mod soak;
mod statistics;

use std::error::Error;
use std::process::ExitCode;
#[cfg(feature = "peers")]
use std::time::Duration;

use cli::{Asked, Command, Options};
#[cfg(feature = "peers")]
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
    #[cfg(not(feature = "peers"))]
    return match command {
        Command::Instructions => instructions::run(options),
        _ => Err("this command needs the feature `peers`, which is on by default".into()),
    };
    #[cfg(feature = "peers")]
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
        #[cfg(feature = "peers")]
        ["growth", subject, keys] => print_json(&footprint::growth(subject, keys.parse()?)?),
        #[cfg(feature = "peers")]
        ["honest", scenario, keys] => print_json(&footprint::honest(scenario, keys.parse()?)?),
        #[cfg(feature = "peers")]
        ["flood", subject, keys] => print_json(&footprint::flood(subject, keys.parse()?)?),
        #[cfg(feature = "peers")]
        ["serve", service] => http::serve(service),
        ["serve-counted", service] => services::serve_counted(service),
        ["decide", strategy, outcome, way, decisions] => {
            instructions::decide(strategy, outcome, way, decisions.parse()?)
        }
        _ => Err("no such part of a measurement".into()),
    }
}

#[cfg(feature = "peers")]
fn print_json(value: &impl Serialize) -> Result<(), Box<dyn Error>> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// Runs the soak test. Problems are always errors, with and without `--check`.
#[cfg(feature = "peers")]
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
