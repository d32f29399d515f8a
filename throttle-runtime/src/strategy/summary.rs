//! Summaries of evicted states, in a few numbers, for the memory backend.
//!
//! All summaries follow one law. A client that begins with the state that a strategy
//! [inherits](Strategy::inherit) from a summary is admitted nothing that the summarised state would not
//! admit. The greatest numbers of several states are a bound for each of these states.

use super::usage::{Lane, Usage, Usages};
use super::{Arrival, State, Strategy, adaptive_window, window_pair};

/// How the states of a strategy are summarised.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Summary {
    /// Only the end of a state is known. Until then, every request is denied.
    Opaque,
    /// The units that were used in a window, and the end of the window.
    Window,
    /// The units and ends of two windows. The second window ends one period later.
    TwoWindows,
    /// The units that were used in a window, which is remembered for one more period.
    Rollover,
    /// The units that were used in a window, and the missing part of the whole limit.
    Adaptive,
    /// The time at which a backlog has drained.
    Backlog,
    /// Pairs of a time and the units that were used at that time, for one period.
    Log,
    /// Like `Log`, with a priority in the last two bits of each time.
    Priorities,
}

/// The number of parts per period in the summary of a log.
const PARTS: u64 = 8;

impl Summary {
    /// Returns the summary of a state of a limit with that period.
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
                let (current, previous) = window_pair::counts(state);
                usages.extend([window(current), Usage::units(0, until.saturating_sub(period), previous)]);
            }
            Self::Rollover => usages.push(window(window_pair::counts(state).0)),
            Self::Adaptive => usages.extend(adaptive_window::usages(state, period)),
            Self::Log | Self::Priorities => self.parts(state, period, &mut usages),
            _ => usages.push(Usage::spent(until)),
        }
        usages.retain(|usage| usage.units > 0 || !matches!(usage.lane, Lane::Units(_)));
        usages
    }

    /// Returns the units that were used, if the state contains them.
    pub(crate) fn used(self, state: &State) -> Option<u64> {
        match self {
            Self::Window => Some(state.word()),
            Self::TwoWindows | Self::Rollover => Some(window_pair::counts(state).0),
            Self::Adaptive => Some(window_pair::counts(state).1),
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

    /// Returns whether usage of that kind may count for longer than in its state. Its end depends on the
    /// client, so there may be any number of different ends. No strategy reads the end of such usage.
    pub(crate) const fn may_outlast(self, lane: Lane) -> bool {
        matches!((self, lane), (Self::Adaptive, Lane::Units(adaptive_window::LOST | adaptive_window::LOADED)))
    }

    /// Returns the number of the slice for a usage. Strategies that count in parts of a period add up the
    /// usages with the same number.
    pub(crate) const fn slice(self, until: u64, period: u64) -> u64 {
        match self {
            Self::Log | Self::Priorities => {
                let part = period / PARTS;
                until.div_ceil(if part == 0 { 1 } else { part })
            }
            _ => until,
        }
    }

    /// Adds the entries of a log. Entries that end in the same part of a period are added up.
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

/// Returns the state of a window with the greatest usage and the latest end of all windows that count.
pub(super) fn window(strategy: &dyn Strategy, usages: &[Usage], arrival: &Arrival) -> State {
    // A window that is used up has no space for a unit, unless the strategy ignores the window.
    let counts = |until| {
        let full = State::new(until, u64::MAX);
        !strategy.step(&full, &Arrival { cost: 1, ..*arrival }).quota.fits()
    };
    usages.iter().filter(|usage| counts(usage.until)).fold(State::EMPTY, |state, usage| {
        State::new(state.until().max(usage.until), state.word().max(usage.units))
    })
}

/// Returns the state of the backlog that drains last, of all backlogs that count.
pub(super) fn backlog(strategy: &dyn Strategy, usages: &[Usage], arrival: &Arrival) -> State {
    let states = usages.iter().map(|usage| State::new(usage.until, u64::MAX));
    let counts =
        |state: &State| !strategy.step(state, &Arrival { cost: 0, ..*arrival }).quota.reset_after().is_zero();
    states.filter(counts).max().unwrap_or_default()
}

/// Returns the state of a log with these entries, oldest first.
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
