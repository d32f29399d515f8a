//! The charges that a reset has made void: they are not refunded.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Mutex, MutexGuard};

use super::Charge;
use crate::strategy::State;
use crate::util::fingerprint::{Map, Secret};
use crate::util::{random, sync};

/// The numbered resets of one backend by this process. A charge records the number of the last reset before
/// it.
///
/// A charge reads one atomic number. Only resets and refunds take a lock.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Resets {
    /// The number of the last reset.
    last: AtomicU64,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_identity: Map<Reset>,
    /// The number of the last reset that covered all identities, or that is no longer stored for its
    /// identity.
    floor: u64,
    /// The mark of the last reset of all identities.
    of_all: Option<Mark>,
}

/// The last reset of one identity.
#[derive(Debug, Clone, Copy)]
struct Reset {
    number: u64,
    mark: Mark,
}

/// The mark that a reset leaves. In a store, the mark replaces the state of the identity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// When the reset happened, by the clock of the backend, in microseconds.
    pub(super) at: u64,
    /// The time at which all charges before the reset have expired, in microseconds. After it, nothing can be
    /// refunded anyway.
    pub(super) until: u64,
    /// A random number that distinguishes resets at the same time, since clocks may stand still.
    pub(super) nonce: u64,
}

impl Mark {
    pub(super) fn new(at: u64, until: u64) -> Self {
        Self { at, until, nonce: random::number() }
    }

    pub(super) fn state(self) -> State {
        State::new(self.until, self.at).with_list(vec![self.nonce])
    }

    /// Creates the mark of a reset of all identities. It never expires, because charges of any period may be
    /// refunded later.
    pub(super) fn of_all(at: u64) -> Self {
        Self::new(at, u64::MAX)
    }

    /// Returns the mark that a state contains, unless the mark has expired.
    pub(super) fn of(state: &State, now: u64) -> Option<Self> {
        let nonce = state.list().first().copied()?;
        Some(Self { at: state.word(), until: state.until(), nonce }).filter(|mark| mark.until > now)
    }
}

/// The marks of the last resets, by any process, as a store contains them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks {
    /// The mark of the identity.
    pub(super) of_one: Option<Mark>,
    /// The mark of all identities.
    pub(super) of_all: Option<Mark>,
}

/// How many resets are remembered. When more are needed, resets whose charges have expired are removed first.
const ROOM: usize = 64 * 1024;

impl Resets {
    /// Returns the number of the last reset. Read it before the charge is made.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Acquire)
    }

    /// Records that the identity of a charge was reset, and the mark that this reset left.
    pub(super) fn record(&self, charge: &Charge<'_>, mark: Mark) {
        let mut entries = self.entries();
        let number = self.last.fetch_add(1, AcqRel).saturating_add(1);
        if entries.by_identity.len() >= ROOM {
            entries.by_identity.retain(|_, reset| reset.mark.until > mark.at);
        }
        if entries.by_identity.len() >= ROOM {
            entries.floor = number - 1;
            entries.by_identity.clear();
        }
        entries.by_identity.insert(id(charge), Reset { number, mark });
    }

    /// Records a reset of all identities. Call it before and after the states are deleted. `mark` is the mark
    /// that the reset left in a store.
    pub(super) fn record_all(&self, mark: Option<Mark>) {
        let mut entries = self.entries();
        entries.of_all = mark;
        entries.floor = self.last.fetch_add(1, AcqRel).saturating_add(1);
        entries.by_identity.clear();
    }

    /// Returns whether the charge at `at` was made to a state that a reset has deleted.
    pub(super) fn is_void(&self, charge: &Charge<'_>, at: u64, marks: Marks) -> bool {
        let entries = self.entries();
        let reset = entries.by_identity.get(&id(charge)).copied();
        // Clocks may stand still, so resets by this process are compared by number and not by time.
        let is_by_other = |mark: Option<Mark>, own: Option<Mark>| {
            mark.is_some_and(|mark| own != Some(mark) && at <= mark.at)
        };
        is_by_other(marks.of_one, reset.map(|reset| reset.mark))
            || is_by_other(marks.of_all, entries.of_all)
            || match charge.taken {
                Some(taken) => entries.floor > taken || reset.is_some_and(|reset| reset.number > taken),
                None => reset.is_some_and(|reset| at <= reset.mark.at),
            }
    }

    /// Returns whether a reset by this process has deleted the state that a charge was made to.
    pub(crate) fn is_over(&self, charge: &Charge<'_>, at: u64) -> bool {
        self.is_void(charge, at, Marks::default())
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        sync::lock(&self.entries)
    }
}

fn id(charge: &Charge<'_>) -> u128 {
    Secret::of_process().fingerprint(charge.domain, charge.key)
}

#[cfg(test)]
mod tests {
    use super::{Charge, Mark, Marks, ROOM, Resets};
    use crate::key::Key;
    use crate::rate::Rate;
    use crate::strategy::FixedWindow;

    #[test]
    fn f37_resets_that_are_no_longer_remembered_void_all_charges_before_them() {
        let (resets, rates) = (Resets::default(), [Rate::per_hour(5)]);
        let keys: Vec<Key> = (0..=ROOM as u64).map(Key::from).collect();
        let charge =
            |key, taken| Charge { taken: Some(taken), ..Charge::new("t", key, &FixedWindow, &rates, 1) };
        for key in &keys {
            resets.record(&charge(key, 0), Mark::new(5, 9));
        }
        let last = resets.last();
        let is_void = |key, taken| resets.is_void(&charge(key, taken), 5, Marks::default());
        assert!(keys.iter().all(|key| is_void(key, 0)));
        assert!(!keys.iter().any(|key| is_void(key, last)));
        assert!(resets.entries().by_identity.len() <= ROOM);
    }

    #[test]
    fn f37_resets_whose_charges_have_expired_make_room() {
        let (resets, rates) = (Resets::default(), [Rate::per_hour(5)]);
        let keys: Vec<Key> = (0..=ROOM as u64).map(Key::from).collect();
        for (index, key) in keys.iter().enumerate() {
            let mark = if index < ROOM { Mark::new(5, 9) } else { Mark::new(10, 20) };
            resets.record(&Charge::new("t", key, &FixedWindow, &rates, 1), mark);
        }
        let entries = resets.entries();
        assert_eq!((entries.by_identity.len(), entries.floor), (1, 0));
    }
}
