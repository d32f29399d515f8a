//! The dimensions of the benchmark, except for the number of callers.

use std::fmt;
use std::time::Duration;

use crate::memory::{Algorithm, name};

/// The distribution of requests over keys, and the outcome of the decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Allowed: ten thousand keys, uniformly distributed.
    Many,
    /// Allowed: one key.
    Hot,
    /// Denied: one key without any quota left.
    Denied,
}

/// One combination. Subjects with only one algorithm are in the cells of both algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) traffic: Traffic,
    pub(crate) algorithm: Algorithm,
}

/// A limit in terms of all subjects: `count` per period, and the burst of GCRA.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) count: u64,
    pub(super) period: Duration,
    pub(super) burst: u64,
}

impl Traffic {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Many => "many",
            Self::Hot => "hot",
            Self::Denied => "denied",
        }
    }
}

impl Cell {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let of =
            |traffic| [Algorithm::FixedWindow, Algorithm::Gcra].map(|algorithm| Self { traffic, algorithm });
        [Traffic::Many, Traffic::Hot, Traffic::Denied].into_iter().flat_map(of)
    }

    pub(super) fn keys(self) -> Vec<String> {
        let keys = if self.traffic == Traffic::Many { 10_000 } else { 1 };
        (0..keys).map(name).collect()
    }

    pub(super) const fn limit(self) -> Limit {
        const BILLION: u64 = 1_000_000_000;
        match (self.traffic, self.algorithm) {
            // The period is a day, because windows are aligned to the clock: the window of an hour may end
            // during the run.
            (Traffic::Denied, _) => Limit { count: 1, period: Duration::from_hours(24), burst: 1 },
            (_, Algorithm::FixedWindow) => {
                Limit { count: BILLION, period: Duration::from_hours(1), burst: BILLION }
            }
            // The refill is so slow that states last until their next use. Lua can represent the burst
            // exactly.
            (_, Algorithm::Gcra) => Limit { count: 1, period: Duration::from_secs(1), burst: BILLION / 10 },
        }
    }
}

impl fmt::Display for Cell {
    /// Formats the cell as `many/gcra`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.traffic.name(), self.algorithm.name())
    }
}
