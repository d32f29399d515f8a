//! The idempotency tokens of the last charges of a record, stored as an additional state of the record.
//!
//! The list of the state has two numbers for each token: the token, and the time until which it is
//! remembered. The word of the state is a time: before it, a token may have been removed early.

use super::record::Record;
use crate::backend::Attempt;
use crate::strategy::State;

/// The maximum number of tokens in a record.
const ROOM: usize = 32;

/// Whether an earlier attempt was charged to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// An earlier attempt was charged at this time.
    Charged(u64),
    /// No earlier attempt was charged.
    Never,
    /// The token may have been removed early.
    Unknown,
}

/// Looks for the token of an attempt in the state with that index.
pub(super) fn find(record: &Record, index: usize, attempt: &Attempt, now: u64) -> Seen {
    let state = record.state(index);
    let charged = pairs(state).find(|(token, until)| *token == attempt.token && *until > now);
    match charged {
        Some((_, until)) => Seen::Charged(until.saturating_sub(attempt.lasts())),
        None if attempt.is_retry && state.word() > now => Seen::Unknown,
        None => Seen::Never,
    }
}

/// Stores the token of an attempt that is charged now. Tokens that have expired are removed, and the oldest
/// tokens are removed if there are too many.
pub(super) fn remember(record: &mut Record, index: usize, attempt: &Attempt, now: u64) {
    let state = record.state(index);
    let mut forgotten = if state.word() > now { state.word() } else { 0 };
    let is_other = |(token, until): &(u64, u64)| *until > now && *token != attempt.token;
    let mut kept: Vec<(u64, u64)> = pairs(state).filter(is_other).collect();
    while kept.len() >= ROOM {
        forgotten = forgotten.max(kept.remove(0).1);
    }
    kept.push((attempt.token, now.saturating_add(attempt.lasts())));
    let until = kept.iter().map(|(_, until)| *until).max().unwrap_or_default();
    let list = kept.into_iter().flat_map(|(token, until)| [token, until]).collect();
    record.set(index, State::new(until, forgotten).with_list(list));
}

fn pairs(state: &State) -> impl Iterator<Item = (u64, u64)> {
    state.list().chunks_exact(2).map(|pair| (pair[0], pair[1]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const fn attempt(token: u64) -> Attempt {
        Attempt::new(token, Duration::from_secs(10))
    }

    #[test]
    fn f35_a_token_that_may_be_forgotten_is_not_charged_again() {
        let mut record = Record::default();
        for token in 0..ROOM as u64 {
            assert_eq!(find(&record, 2, &attempt(token), 1_000), Seen::Never);
            remember(&mut record, 2, &attempt(token), 1_000 + token);
        }
        assert_eq!(find(&record, 2, &attempt(0).retried(), 2_000), Seen::Charged(1_000));
        assert_eq!(find(&record, 2, &attempt(99).retried(), 2_000), Seen::Never);
        remember(&mut record, 2, &attempt(99), 2_000);
        assert_eq!(find(&record, 2, &attempt(0).retried(), 2_001), Seen::Unknown);
        assert_eq!(find(&record, 2, &attempt(100).retried(), 2_001), Seen::Unknown);
        assert_eq!(
            find(&record, 2, &attempt(100), 2_001),
            Seen::Never,
            "a first attempt has no token to forget"
        );
        assert_eq!(find(&record, 2, &attempt(1).retried(), 2_001), Seen::Charged(1_001));
        // After the removed token would have expired, no charge is in doubt any more.
        assert_eq!(find(&record, 2, &attempt(100).retried(), 10_001_000), Seen::Never);
        assert_eq!(find(&record, 2, &attempt(99).retried(), 10_002_000), Seen::Never, "it is over");
        remember(&mut record, 2, &attempt(101), 10_005_000);
        assert_eq!(record.state(2).list().len(), 2, "what is over makes room");
    }
}
