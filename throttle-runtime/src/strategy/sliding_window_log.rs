//! A sliding window that stores every request.

use super::{Arrival, State, Step, Strategy, Summary, Usage, summary};
use crate::decision::Quota;
use crate::rate::Rate;

/// A sliding window that stores every admitted request. It is exact over every period, whenever the period
/// begins.
///
/// - **Admits** a request if, in the period that ends now, the units including the request are within the
///   limit.
/// - **Worst burst** over any period: the limit.
/// - **State**: the time and the cost of each admitted request of the last period, 16 bytes each, and at most
///   16 KB in total. Requests of the same microsecond share an entry. With a limit above 1,000, all requests
///   in the same thousandth of the period share an entry, which leaves the window with the youngest of them.
///   A request then counts for up to a thousandth of the period longer (86 seconds at `100000/day`). The log
///   never admits more than the limit because of this, and waits are exact.
/// - **Wait**: until enough of the oldest requests have left the window. A cost above the limit never fits.
/// - **Remaining** is the limit minus the units in the window. [`next_after`](Quota::next_after) is when the
///   oldest request leaves the window, and [`reset_after`](Quota::reset_after) is when the youngest one
///   leaves.
///
/// Use it for small limits that must be enforced exactly, such as login attempts.
///
/// If the clock steps back, requests that are later than now still count, as long as they are at most one
/// period in the future.
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

/// The greatest limit whose log has an entry for each microsecond, and the number of entries per period with
/// a greater limit.
const ENTRIES: u64 = 1_000;

/// Returns the time of the entry for a request at `at`. This is `at` itself, or for a greater limit the end
/// of the part that contains `at`, if the period is divided into `entries` equal parts. The number of entries
/// is therefore bounded, and an entry never leaves the window too early.
pub(super) fn entry_time(at: u64, rate: Rate, entries: u64) -> u64 {
    at.checked_next_multiple_of(grain(rate, entries)).unwrap_or(at)
}

/// Returns the length of these parts, in microseconds.
pub(super) const fn grain(rate: Rate, entries: u64) -> u64 {
    if rate.limit() > ENTRIES { rate.period_micros().div_ceil(entries) } else { 1 }
}

/// Returns the entries of the window that ends at `now`: pairs of time and cost, oldest first.
fn window(state: &State, arrival: &Arrival) -> impl DoubleEndedIterator<Item = (u64, u64)> + Clone {
    let arrival = *arrival;
    let pairs = state.list().chunks_exact(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(move |&(at, cost)| counts(at, &arrival) && cost > 0)
}

/// Returns whether a request of that time is in the window that ends now, or at most one period in the
/// future.
pub(super) const fn counts(at: u64, arrival: &Arrival) -> bool {
    let (now, period) = (arrival.now, arrival.rate.period_micros());
    at.saturating_add(period) > now && at <= now.saturating_add(period)
}

/// Returns the quota of an arrival, from the entries that count against it, oldest first. If the arrival
/// fits, it becomes an entry with the time `at`.
pub(super) fn quota(entries: impl Iterator<Item = (u64, u64)> + Clone, at: u64, arrival: &Arrival) -> Quota {
    let Arrival { rate, cost, now, .. } = *arrival;
    let (limit, period) = (rate.limit(), rate.period_micros());
    let used: u128 = entries.clone().map(|(_, cost)| u128::from(cost)).sum();
    let left = u64::try_from(u128::from(limit).saturating_sub(used)).unwrap_or(limit);
    let fits = cost <= left;
    let request = (fits && cost > 0).then_some((at, cost));
    let (entries, used) = (entries.chain(request), if fits { used + u128::from(cost) } else { used });
    let leaves = |at: u64| at.saturating_add(period).saturating_sub(now);
    // The limit may have been higher when these requests came.
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

/// Adds an entry, which is not older than the youngest entry. Requests of the same time share an entry.
pub(super) fn push(words: &mut Vec<u64>, at: u64, cost: u64) {
    match words.as_chunks_mut::<2>().0.last_mut() {
        Some([youngest, units]) if *youngest == at => *units = units.saturating_add(cost),
        _ => words.extend([at, cost]),
    }
}
