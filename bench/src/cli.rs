//! Parses the command line.

use lexopt::prelude::{Long, Short, Value, ValueExt};

/// The parsed command line.
pub(crate) enum Asked {
    Help,
    Command(Command, Options),
    /// A part of a measurement, in a child process: see [`child`](crate::child).
    Child(Vec<String>),
}

/// The commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Memory,
    Hash,
    Footprint,
    Http,
    Instructions,
    Redis,
    Failover,
    Soak,
    Compile,
    Plot,
    Bursts,
}

/// The options of a command.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that stands for itself")]
pub(crate) struct Options {
    /// Substrings of the names of cells. If empty, all cells run.
    pub(crate) cells: Vec<String>,
    /// Substrings of the names of subjects. If empty, all subjects run.
    pub(crate) subjects: Vec<String>,
    pub(crate) reps: Option<usize>,
    pub(crate) seconds: Option<u64>,
    pub(crate) seed: Option<u64>,
    pub(crate) quick: bool,
    pub(crate) built_in: bool,
    pub(crate) json: bool,
    pub(crate) save: bool,
    pub(crate) check: bool,
}

/// The help text.
pub(crate) const HELP: &str = "\
usage: cargo run --release -p throttle-bench -- COMMAND [OPTIONS]

commands
  memory        the cost of a decision, beside the peers and the floor (about 8 minutes)
  hash          the cost of a key's fingerprint (seconds)
  footprint     memory per key, and what a flood of keys does (3 minutes)
  http          whole requests, beside other layers (4 minutes; with wrk if it is there)
  instructions  instructions of a decision and of a request, counted by valgrind (5 minutes)
  redis         limits in a Redis server, beside the peers that keep theirs in one (7 minutes)
  failover      what a circuit breaker costs, closed and open (seconds)
  soak          a limit in a Redis server that is killed and paused at random (a minute)
  compile       a clean build and its crates, beside the peers (10 minutes)
  plot          pictures and tables in docs/, from what the others saved
  bursts        pictures and a table of the worst burst of each strategy, for the guide (seconds)

options
  --cell TEXT     only cells whose names contain the text (may be repeated)
  --subject TEXT  only subjects whose names contain it (may be repeated)
  --seconds N     soak: for how long
  --seed N        soak: which faults; the same number makes the same ones
  --reps N        how often everything is measured
  --quick         less of everything: for a first look
  --built-in      http: load from this program even if there is wrk
  --json          one JSON object per line instead of tables
  --save          also keep the records in bench/results, for `plot`, instead of older ones of the same cells
  --check         fail if a target is missed; without the feature `peers`: if a count has grown

environment
  REDIS_CELL      redis: where the module redis-cell is (`libredis_cell.so`), to measure it too
";

/// Parses the arguments of this process.
pub(crate) fn parse() -> Result<Asked, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let mut command = None;
    let mut options = Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(name) if command.is_none() && name == "child" => {
                let rest = parser.raw_args()?.map(ValueExt::string);
                return rest.collect::<Result<_, _>>().map(Asked::Child);
            }
            Value(name) if command.is_none() => command = Some(name.parse_with(Command::named)?),
            Long("cell") => options.cells.push(parser.value()?.string()?),
            Long("subject") => options.subjects.push(parser.value()?.string()?),
            Long("reps") => options.reps = Some(parser.value()?.parse_with(at_least_one)?),
            Long("seconds") => options.seconds = Some(parser.value()?.parse()?),
            Long("seed") => options.seed = Some(parser.value()?.parse()?),
            Long("quick") => options.quick = true,
            Long("built-in") => options.built_in = true,
            Long("json") => options.json = true,
            Long("save") => options.save = true,
            Long("check") => options.check = true,
            Short('h') | Long("help") => return Ok(Asked::Help),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(command.map_or(Asked::Help, |command| Asked::Command(command, options)))
}

impl Command {
    fn named(name: &str) -> Result<Self, String> {
        match name {
            "memory" => Ok(Self::Memory),
            "hash" => Ok(Self::Hash),
            "footprint" => Ok(Self::Footprint),
            "http" => Ok(Self::Http),
            "instructions" => Ok(Self::Instructions),
            "redis" => Ok(Self::Redis),
            "failover" => Ok(Self::Failover),
            "soak" => Ok(Self::Soak),
            "compile" => Ok(Self::Compile),
            "plot" => Ok(Self::Plot),
            "bursts" => Ok(Self::Bursts),
            _ => Err("no such command".to_owned()),
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&reps| reps > 0).ok_or_else(|| "not a number above 0".to_owned())
}

impl Options {
    pub(crate) fn wants_cell(&self, name: &str) -> bool {
        self.cells.is_empty() || self.cells.iter().any(|part| name.contains(part.as_str()))
    }

    pub(crate) fn wants_subject(&self, name: &str) -> bool {
        self.subjects.is_empty() || self.subjects.iter().any(|part| name.contains(part.as_str()))
    }
}
