//! A sliding window that remembers every request.

use super::{Arrival, State, Step, Strategy, Summary, Usage, summary};
use crate::{Quota, Rate};

/// A sliding window that remembers every admitted request: exact over every period, whenever it begins.
///
/// - **Admits** a request if with it no more than the limit was admitted in the period that ends now.
/// - **Worst burst** over any period: the limit.
/// - **State**: the time and the cost of each admitted request of the last period, 16 bytes each, and at most
///   16 KB in all. Requests of the same microsecond share an entry. With a limit above 1,000, so do all requests
///   of the same thousandth of the period, and the entry leaves the window with the youngest of them: a request
///   then counts for up to a thousandth of the period longer (86 seconds at `100000/day`). The log never admits
///   more for it, and waits are exact.
/// - **Wait**: until enough of the oldest have left the window. A cost above the limit never fits.
/// - **Remaining** is the limit less what the window holds; [`next_after`](Quota::next_after) is when its
///   oldest request leaves, [`reset_after`](Quota::reset_after) when its youngest does.
///
/// Pick it for small limits that must hold exactly, such as attempts to log in.
///
/// Requests from later than now, which a clock that stepped back leaves behind, count as long as they are no
/// more than a period ahead.
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, SlidingWindowLog, State, Strategy}};
///
/// let rate = Rate::per_second(2);
/// let first = SlidingWindowLog.step(&State::EMPTY, &Arrival::new(rate, 1, 0));
/// let second = SlidingWindowLog.step(&first.state, &Arrival::new(rate, 1, 900_000));
/// let third = SlidingWindowLog.step(&second.state, &Arrival::new(rate, 1, 950_000));
/// assert_eq!(third.quota.retry_after().map(|wait| wait.as_millis()), Some(50));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlidingWindowLog;

/// The largest limit whose log has an entry for each microsecond; with a larger one it has so many in a period.
const ENTRIES: u64 = 1_000;

/// The time that an entry of a request at `at` has: its own, or for a large limit the end of that one of `entries` equal
/// parts of the period in which it is. So the number of entries has a bound, and an entry never leaves too early.
pub(super) fn entry_time(at: u64, rate: Rate, entries: u64) -> u64 {
    at.checked_next_multiple_of(grain(rate, entries)).unwrap_or(at)
}

/// The length of these parts, in microseconds.
pub(super) const fn grain(rate: Rate, entries: u64) -> u64 {
    if rate.limit() > ENTRIES { rate.period_micros().div_ceil(entries) } else { 1 }
}

/// The entries of the window that ends at `now`: pairs of time and cost, oldest first.
fn window(state: &State, arrival: &Arrival) -> impl DoubleEndedIterator<Item = (u64, u64)> + Clone {
    let arrival = *arrival;
    let pairs = state.list().chunks_exact(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(move |&(at, cost)| counts(at, &arrival) && cost > 0)
}

/// Whether a request of that time is in the window that ends now, or at most a period ahead of it.
pub(super) const fn counts(at: u64, arrival: &Arrival) -> bool {
    let (now, period) = (arrival.now, arrival.rate.period_micros());
    at.saturating_add(period) > now && at <= now.saturating_add(period)
}

/// What the entries that count against an arrival, oldest first, say about it. If it fits, it becomes one of
/// them at the time `at`.
pub(super) fn quota(entries: impl Iterator<Item = (u64, u64)> + Clone, at: u64, arrival: &Arrival) -> Quota {
    let Arrival { rate, cost, now, .. } = *arrival;
    let (limit, period) = (rate.limit(), rate.period_micros());
    let used: u128 = entries.clone().map(|(_, cost)| u128::from(cost)).sum();
    let left = u64::try_from(u128::from(limit).saturating_sub(used)).unwrap_or(limit);
    let fits = cost <= left;
    let request = (fits && cost > 0).then_some((at, cost));
    let (entries, used) = (entries.chain(request), if fits { used + u128::from(cost) } else { used });
    let leaves = |at: u64| at.saturating_add(period).saturating_sub(now);
    // The limit may have been higher when they came.
    let over = |units: u64| (used + u128::from(units)).saturating_sub(u128::from(limit));
    let left_by = |units: u128| {
        let mut free = 0;
        let last = entries.clone().find(|(_, cost)| {
            free += u128::from(*cost);
            free >= units
        });
        last.map_or(0, |(at, _)| leaves(at))
    };
    let quota = if fits {
        Quota::allowed(rate, left - cost)
    } else if cost > limit {
        Quota::never(rate, left)
    } else {
        Quota::denied(rate, left, left_by(over(cost)))
    };
    let one_more = over(quota.remaining().saturating_add(1));
    quota.with_times(left_by(one_more), entries.last().map_or(0, |(at, _)| leaves(at)))
}

#[cfg(feature = "redis")]
pub(super) static LUA: super::Lua = super::Lua(include_str!("sliding_window_log.lua"));

impl Strategy for SlidingWindowLog {
    fn name(&self) -> &'static str {
        "sliding-window-log"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let Arrival { rate, cost, now, .. } = *arrival;
        let entries = window(state, arrival);
        let own = entry_time(now, rate, ENTRIES);
        let at = entries.clone().next_back().map_or(own, |(youngest, _)| youngest.max(own));
        let quota = quota(entries.clone(), at, arrival);
        let mut words: Vec<u64> = entries.flat_map(|(at, cost)| [at, cost]).collect();
        if quota.fits() && cost > 0 {
            push(&mut words, at, cost);
        }
        let until =
            words.iter().rev().nth(1).map_or(0, |youngest| youngest.saturating_add(rate.period_micros()));
        Step { quota, state: State::new(until, 0).with_list(words) }
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        let Arrival { rate, cost, .. } = *arrival;
        let arguments = [rate.limit(), rate.period_micros(), cost, grain(rate, ENTRIES)];
        super::Script::new(&LUA, arguments)
    }

    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        let charged = entry_time(arrival.now.saturating_sub(elapsed), arrival.rate, ENTRIES);
        let mut words = state.list().to_vec();
        if let Some([_, cost]) = words.as_chunks_mut::<2>().0.iter_mut().find(|[at, _]| *at == charged) {
            *cost = cost.saturating_sub(arrival.cost);
        }
        State::new(state.until(), state.word()).with_list(words)
    }

    fn summary(&self) -> Summary {
        Summary::Log
    }

    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        summary::log(usages, arrival.rate.period_micros(), |at, _| at)
    }
}

/// Adds an entry, which is not older than the youngest; those of one time share an entry.
pub(super) fn push(words: &mut Vec<u64>, at: u64, cost: u64) {
    match words.as_chunks_mut::<2>().0.last_mut() {
        Some([youngest, units]) if *youngest == at => *units = units.saturating_add(cost),
        _ => words.extend([at, cost]),
    }
}
