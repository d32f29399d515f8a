//! Load generators: wrk if it is installed, or else this program.

use std::error::Error;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::built_in;
use super::observed::{CONNECTIONS, Seen};
use crate::machine;

/// A load generator.
#[derive(Debug, Clone, Copy)]
pub(super) enum Load {
    Wrk,
    BuiltIn,
}

impl Load {
    pub(super) fn available(built_in: bool) -> Self {
        let asked = Command::new("wrk").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if asked.is_ok() && !built_in { Self::Wrk } else { Self::BuiltIn }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Wrk => "wrk",
            Self::BuiltIn => "the built-in load generator",
        }
    }

    /// Sends requests to a service for `time`, from a processor that the service does not use.
    pub(super) fn run(self, port: u16, time: Duration) -> Result<Seen, Box<dyn Error>> {
        let work = move || {
            machine::pin(1);
            let seen = match self {
                Self::Wrk => wrk(port, time),
                Self::BuiltIn => built_in::run(port, time),
            };
            seen.map_err(|error| error.to_string())
        };
        Ok(thread::spawn(work).join().map_err(|_| "the load generator panicked")??)
    }
}

fn wrk(port: u16, time: Duration) -> Result<Seen, Box<dyn Error>> {
    let connections = CONNECTIONS.to_string();
    let seconds = format!("{}s", time.as_secs().max(1));
    let url = format!("http://127.0.0.1:{port}/");
    let output = Command::new("wrk")
        .args(["--threads", "1", "--connections", &connections, "--duration", &seconds, "--latency", &url])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    parse(&text).ok_or_else(|| format!("wrk says: {text}").into())
}

fn parse(text: &str) -> Option<Seen> {
    let after = |start: &str| text.lines().find_map(|line| line.trim().strip_prefix(start)).map(str::trim);
    let requests = text.lines().find_map(|line| line.trim().split_once(" requests in "))?.0;
    Some(Seen {
        requests: requests.parse().ok()?,
        refused: after("Non-2xx or 3xx responses:").map_or(Some(0), |count| count.parse().ok())?,
        per_second: after("Requests/sec:")?.parse().ok()?,
        p50: micros(after("50%")?)?,
        p99: micros(after("99%")?)?,
    })
}

/// Parses a time as wrk prints it: `512.00us`, `1.25ms`, `2.00s`.
fn micros(text: &str) -> Option<f64> {
    let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6)];
    let (number, factor) =
        units.into_iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    number.parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn wrk_is_understood() {
        let text = "Running 1s test @ http://127.0.0.1:3000/
  Latency Distribution
     50%  346.00us
     99%    1.50ms
  92932 requests in 1.00s, 11.00MB read
  Non-2xx or 3xx responses: 7
Requests/sec:  92932.12
";
        let seen = parse(text).expect("this is what wrk prints");
        assert_eq!((seen.requests, seen.refused), (92_932, 7));
        assert!((seen.per_second - 92_932.12).abs() < 1e-6);
        assert!((seen.p50 - 346.0).abs() < 1e-6 && (seen.p99 - 1_500.0).abs() < 1e-6);
    }
}
