//! What is varied: each combination is a cell of the table.

use std::fmt;

/// Who asks how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// One client.
    Hot,
    /// A thousand clients, evenly.
    Thousand,
    /// A million clients, evenly.
    Uniform,
    /// A million clients, few of which make most of the traffic.
    Zipf,
}

/// What they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A quota that nobody uses up, by clients of whom something is known.
    Allowed,
    /// The same when all that was known has lost its meaning, and was perhaps forgotten.
    Stale,
    /// A quota that everybody has used up.
    Denied,
}

/// What our side and the floor decide with. The peers have one algorithm each.
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

    /// For people.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Hot => "one key",
            Self::Thousand => "1 000 keys",
            Self::Uniform => "1 M keys",
            Self::Zipf => "1 M keys, few of them busy",
        }
    }

    /// Decisions per measurement: enough for a few milliseconds of the fastest subject.
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
    /// Every cell, those with as many clients and the same outcome next to each other.
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

    /// One client never is, and a window does not end within a run.
    fn may_be_stale(self) -> bool {
        self.traffic == Traffic::Uniform && self.algorithm == Algorithm::Gcra
    }
}

impl fmt::Display for Cell {
    /// As `hot/allowed/gcra/1t`.
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
