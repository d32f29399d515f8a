//! Child processes, for measurements that must not share memory or threads with other measurements.

use std::error::Error;
use std::process::{Command, Stdio};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{footprint, http, instructions};

/// Returns a command that runs this program for one part of a measurement.
pub(crate) fn command(part: &[&str]) -> Result<Command, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("child").args(part);
    Ok(command)
}

/// Runs one part of a measurement in a child process, and returns its result.
pub(crate) fn ask<T: DeserializeOwned>(part: &[&str]) -> Result<T, Box<dyn Error>> {
    let output = command(part)?.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{} ended with {}", part.join(" "), output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs one part of a measurement, in the process that [`command`] started.
pub(crate) fn run(part: &[String]) -> Result<(), Box<dyn Error>> {
    let part: Vec<_> = part.iter().map(String::as_str).collect();
    match *part {
        ["growth", subject, keys] => tell(&footprint::growth(subject, keys.parse()?)?),
        ["honest", scenario, keys] => tell(&footprint::honest(scenario, keys.parse()?)?),
        ["flood", subject, keys] => tell(&footprint::flood(subject, keys.parse()?)?),
        ["serve", mode] => http::serve(mode),
        ["serve-counted", mode] => http::serve_counted(mode),
        ["decide", strategy, outcome, way, decisions] => {
            instructions::decide(strategy, outcome, way, decisions.parse()?)
        }
        _ => Err("no such part of a measurement".into()),
    }
}

fn tell(value: &impl Serialize) -> Result<(), Box<dyn Error>> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}
