//! What is varied, but for the number of callers.

use std::fmt;
use std::time::Duration;

use crate::memory::{Algorithm, name};

/// Whose turn it is, and what they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Ten thousand keys in even shares, with more quota than they use.
    Many,
    /// One key with more quota than it uses.
    Hot,
    /// One key without any left.
    Denied,
}

/// One combination; what decides with one algorithm of its own does so in the cells of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) traffic: Traffic,
    pub(crate) algorithm: Algorithm,
}

/// A limit in the words of all who are to keep it: so many in each period, and so many at once by GCRA.
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
            // A day, as windows are aligned: an hour may end while the run is on.
            (Traffic::Denied, _) => Limit { count: 1, period: Duration::from_hours(24), burst: 1 },
            (_, Algorithm::FixedWindow) => {
                Limit { count: BILLION, period: Duration::from_hours(1), burst: BILLION }
            }
            // So slow that states last until they are asked for again, and a burst that Lua can count in.
            (_, Algorithm::Gcra) => Limit { count: 1, period: Duration::from_secs(1), burst: BILLION / 10 },
        }
    }
}

impl fmt::Display for Cell {
    /// As `many/gcra`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.traffic.name(), self.algorithm.name())
    }
}
