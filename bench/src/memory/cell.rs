//! The dimensions of the benchmark. Each combination is a cell.

use std::fmt;

/// The distribution of requests over clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// One client.
    Hot,
    /// A thousand clients, uniformly distributed.
    Thousand,
    /// A million clients, uniformly distributed.
    Uniform,
    /// A million clients, a few of which make most of the requests.
    Zipf,
}

/// The outcome of the decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Allowed: clients that have a state, and a quota that they do not use up.
    Allowed,
    /// Allowed: clients whose state has expired, and may have been removed.
    Stale,
    /// Denied: clients that have used up their quota.
    Denied,
}

/// The algorithm of this library and of the floor. Each peer has only one algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Gcra,
    FixedWindow,
}

/// One combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) traffic: Traffic,
    pub(crate) outcome: Outcome,
    pub(crate) algorithm: Algorithm,
    pub(crate) threads: usize,
}

impl Traffic {
    pub(crate) const fn clients(self) -> u64 {
        match self {
            Self::Hot => 1,
            Self::Thousand => 1_000,
            Self::Uniform | Self::Zipf => 1_000_000,
        }
    }

    /// Returns a description for people.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Hot => "one key",
            Self::Thousand => "1 000 keys",
            Self::Uniform => "1 M keys",
            Self::Zipf => "1 M keys, few of them busy",
        }
    }

    /// Returns the number of decisions per measurement: a few milliseconds of the fastest subject.
    pub(crate) const fn decisions(self) -> usize {
        match self {
            Self::Hot | Self::Thousand => 1 << 20,
            Self::Uniform | Self::Zipf => 1 << 18,
        }
    }
}

impl Outcome {
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Stale => "stale",
            Self::Denied => "denied",
        }
    }
}

impl Algorithm {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gcra => "gcra",
            Self::FixedWindow => "fixed-window",
        }
    }
}

impl Cell {
    /// Returns all cells. Cells with the same number of clients and the same outcome are adjacent.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let populations = [&[Traffic::Hot][..], &[Traffic::Thousand], &[Traffic::Uniform, Traffic::Zipf]];
        let outcomes = [Outcome::Allowed, Outcome::Stale, Outcome::Denied];
        populations
            .into_iter()
            .flat_map(move |traffics| outcomes.map(|outcome| (traffics, outcome)))
            .flat_map(|(traffics, outcome)| traffics.iter().map(move |&traffic| (traffic, outcome)))
            .flat_map(|(traffic, outcome)| {
                let algorithms = [Algorithm::Gcra, Algorithm::FixedWindow];
                algorithms.into_iter().flat_map(move |algorithm| {
                    [1, 2].map(|threads| Self { traffic, outcome, algorithm, threads })
                })
            })
            .filter(|cell| cell.outcome != Outcome::Stale || cell.may_be_stale())
    }

    /// Returns whether states can expire in this cell. A single client sends too often, and a window does not
    /// end within a run.
    fn may_be_stale(self) -> bool {
        self.traffic == Traffic::Uniform && self.algorithm == Algorithm::Gcra
    }
}

impl fmt::Display for Cell {
    /// Formats the cell as `hot/allowed/gcra/1t`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let traffic = match self.traffic {
            Traffic::Hot => "hot",
            Traffic::Thousand => "1k",
            Traffic::Uniform => "1m",
            Traffic::Zipf => "zipf",
        };
        let outcome = self.outcome.describe();
        write!(f, "{traffic}/{outcome}/{}/{}t", self.algorithm.name(), self.threads)
    }
}
