//! Child processes, so that measurements share no memory or threads. Alone because three measurements start them.

use std::error::Error;
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;

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
