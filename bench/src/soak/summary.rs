//! The results of a run, and their limits.

use std::fmt;
use std::time::Duration;

use throttle::Counts;

use super::faults::Faults;
use super::load::Seen;
use super::{BUDGET, LIMIT, RECOVERY};

/// The results of a run.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) seed: u64,
    pub(crate) faults: Faults,
    pub(crate) seen: Seen,
    pub(crate) elapsed: Duration,
    pub(crate) counts: Counts,
    pub(crate) back_after: Option<Duration>,
}

/// The time that a busy machine may add to a decision.
const SLACK: Duration = Duration::from_millis(400);

impl Summary {
    /// The most that one client may have been admitted: the burst, and the refill until the end of the last
    /// started second.
    const fn bound(&self) -> u64 {
        LIMIT + LIMIT * (self.elapsed.as_secs() + 1)
    }

    /// Returns the problems, one line for each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (client, admitted) in &self.seen.admitted {
            if *admitted > self.bound() {
                problems.push(format!(
                    "client {client} was admitted {admitted} times, not {} at most",
                    self.bound()
                ));
            }
            if *admitted < self.bound() / 2 {
                problems
                    .push(format!("client {client} was admitted {admitted} times only, of {}", self.bound()));
            }
        }
        if self.seen.errors > 0 {
            let error = self.seen.error.as_deref().unwrap_or_default();
            problems.push(format!("{} requests ended in an error, one in {error}", self.seen.errors));
        }
        // The 100 ms are the timeout of the fallback, which memory does not use up.
        let longest = BUDGET + Duration::from_millis(100) + SLACK;
        if self.seen.slowest > longest {
            problems.push(format!("a decision took {:?}, not {longest:?} at most", self.seen.slowest));
        }
        if self.back_after.is_none_or(|took| took > RECOVERY + Duration::from_secs(3)) {
            problems.push(format!("it was back on Redis after {:?}", self.back_after));
        }
        problems
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, faults, seen, elapsed, counts, back_after } = self;
        writeln!(f, "seed {seed}: {} kills and {} pauses in {elapsed:.1?}", faults.kills, faults.pauses)?;
        let admitted: Vec<_> = seen.admitted.values().map(u64::to_string).collect();
        writeln!(f, "admitted     {} (at most {} each)", admitted.join(", "), self.bound())?;
        writeln!(f, "denied       {}", seen.denied)?;
        writeln!(f, "errors       {}", seen.errors)?;
        writeln!(
            f,
            "by Redis     {}",
            counts.allowed + counts.denied - counts.fallback - counts.breaker_open
        )?;
        writeln!(
            f,
            "by memory    {} after a failure, {} without asking Redis",
            counts.fallback, counts.breaker_open
        )?;
        writeln!(f, "tried again  {}", counts.retries)?;
        writeln!(f, "slowest      {:.1?}", seen.slowest)?;
        writeln!(f, "back after   {back_after:.1?}")
    }
}
