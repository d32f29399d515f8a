//! A summary of an evicted state, in a few numbers, for the memory backend.
//!
//! The law that all of this follows: a client that begins with what a strategy [inherits](Strategy::inherit) from the
//! summary of a state is admitted nothing that it would not be admitted with the state itself. The greatest numbers of
//! several states are a bound for each of them.

use smallvec::SmallVec;

use super::{Arrival, State, Strategy, adaptive, two_windows};

/// How the states of a strategy are summarised.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Summary {
    /// Nothing is known about a state but its end: until then, every request is denied.
    Opaque,
    /// Units that were used in a window, and the end of the window.
    Window,
    /// The same for two windows, of which the second ends a period later.
    TwoWindows,
    /// Units that were used in a window, which is remembered for a further period.
    Rollover,
    /// Units that were used in a window, and how much less than the whole limit is in force.
    Adaptive,
    /// When a backlog has drained.
    Backlog,
    /// Pairs of a time and the units that were used then, for a period.
    Log,
    /// The same, with a priority in the last two bits of each time.
    Priorities,
}

/// A part of the usage of a client.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The kind of usage. Kinds are never mixed.
    pub lane: Lane,
    /// Until when it counts, in microseconds since the Unix epoch.
    pub until: u64,
    /// How many units it is; 0 in lanes of times.
    pub units: u64,
}

/// A kind of usage.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Units of a kind that the strategy numbers.
    Units(u8),
    /// A backlog until that time.
    Until,
    /// All units of any limit until that time.
    Spent,
}

/// The usage of a client.
pub(crate) type Usages = SmallVec<[Usage; 4]>;

/// A log is summarised in so many parts per period.
const PARTS: u64 = 8;

impl Usage {
    pub(super) const fn units(lane: u8, until: u64, units: u64) -> Self {
        Self { lane: Lane::Units(lane), until, units }
    }

    pub(crate) const fn spent(until: u64) -> Self {
        Self { lane: Lane::Spent, until, units: 0 }
    }
}

impl Summary {
    /// The summary of a state of a limit with that period.
    pub(crate) fn of(self, state: &State, period: u64) -> Usages {
        let until = state.until();
        let window = |units| Usage::units(0, until, units);
        let mut usages = Usages::new();
        match self {
            Self::Window if state.list().is_empty() => usages.push(window(state.word())),
            Self::Backlog if state.list().is_empty() => {
                usages.push(Usage { lane: Lane::Until, until, units: 0 });
            }
            Self::TwoWindows => {
                let (current, previous) = two_windows::counts(state);
                usages.extend([window(current), Usage::units(0, until.saturating_sub(period), previous)]);
            }
            Self::Rollover => usages.push(window(two_windows::counts(state).0)),
            Self::Adaptive => usages.extend(adaptive::usages(state, period)),
            Self::Log | Self::Priorities => self.parts(state, period, &mut usages),
            _ => usages.push(Usage::spent(until)),
        }
        usages.retain(|usage| usage.units > 0 || !matches!(usage.lane, Lane::Units(_)));
        usages
    }

    /// The units that a state says were used, if it says so.
    pub(crate) fn used(self, state: &State) -> Option<u64> {
        match self {
            Self::Window => Some(state.word()),
            Self::TwoWindows | Self::Rollover => Some(two_windows::counts(state).0),
            Self::Adaptive => Some(two_windows::counts(state).1),
            Self::Log | Self::Priorities => Some(
                state
                    .list()
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .fold(0, |used, [_, units]| used.saturating_add(*units)),
            ),
            Self::Opaque | Self::Backlog => None,
        }
    }

    /// Usages with the same number are added up by strategies that count in parts of a period.
    pub(crate) const fn slice(self, until: u64, period: u64) -> u64 {
        match self {
            Self::Log | Self::Priorities => {
                let part = period / PARTS;
                until.div_ceil(if part == 0 { 1 } else { part })
            }
            _ => until,
        }
    }

    /// The entries of a log, those that end in the same part of a period together.
    fn parts(self, state: &State, period: u64, usages: &mut Usages) {
        for &[at, units] in state.list().as_chunks::<2>().0 {
            let (at, lane) = if self == Self::Priorities { (at >> 2, (at & 3) as u8) } else { (at, 0) };
            let until = at.saturating_add(period);
            let slice = |until| self.slice(until, period);
            let same = usages
                .iter_mut()
                .rev()
                .find(|usage| usage.lane == Lane::Units(lane) && slice(usage.until) == slice(until));
            match same {
                Some(usage) => {
                    usage.until = usage.until.max(until);
                    usage.units = usage.units.saturating_add(units);
                }
                None => usages.push(Usage::units(lane, until, units)),
            }
        }
    }
}

/// The state of a window that has the greatest usage, and ends last, of all windows that count.
pub(super) fn window(strategy: &dyn Strategy, usages: &[Usage], arrival: &Arrival) -> State {
    // A window that is used up has no room for a unit, unless the strategy ignores it.
    let counts = |until| {
        let full = State::new(until, u64::MAX);
        !strategy.step(&full, &Arrival { cost: 1, ..*arrival }).quota.fits()
    };
    usages.iter().filter(|usage| counts(usage.until)).fold(State::EMPTY, |state, usage| {
        State::new(state.until().max(usage.until), state.word().max(usage.units))
    })
}

/// The state of a backlog that drains last, of all that count.
pub(super) fn backlog(strategy: &dyn Strategy, usages: &[Usage], arrival: &Arrival) -> State {
    let states = usages.iter().map(|usage| State::new(usage.until, u64::MAX));
    let counts =
        |state: &State| !strategy.step(state, &Arrival { cost: 0, ..*arrival }).quota.reset_after().is_zero();
    states.filter(counts).max().unwrap_or_default()
}

/// The entries of a log, oldest first, and the state that has them.
pub(super) fn log(usages: &[Usage], period: u64, word: impl Fn(u64, u8) -> u64) -> State {
    let mut entries: Vec<[u64; 2]> = usages
        .iter()
        .filter_map(|usage| match usage.lane {
            Lane::Units(lane) => Some([word(usage.until.saturating_sub(period), lane), usage.units]),
            Lane::Until | Lane::Spent => None,
        })
        .collect();
    entries.sort_unstable();
    let until = usages.iter().map(|usage| usage.until).max().unwrap_or(0);
    State::new(until, 0).with_list(entries.into_flattened())
}
