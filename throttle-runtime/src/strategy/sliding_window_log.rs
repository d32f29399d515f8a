//! A sliding window that remembers every request.

use super::{Arrival, State, Step, Strategy};
use crate::Quota;

/// A sliding window that remembers every admitted request: exact over every period, whenever it begins.
///
/// - **Admits** a request if with it no more than the limit was admitted in the period that ends now.
/// - **Worst burst** over any period: the limit.
/// - **State**: the time and the cost of each admitted request of the last period, so up to 16 bytes per unit
///   of the limit; requests of the same microsecond share an entry.
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

/// The entries of the window that ends at `now`: pairs of time and cost, oldest first.
fn window(state: &State, arrival: &Arrival) -> impl DoubleEndedIterator<Item = (u64, u64)> + Clone {
    let (now, period) = (arrival.now, arrival.rate.period_micros());
    let pairs = state.list().chunks_exact(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(move |&(at, _)| at.saturating_add(period) > now && at <= now.saturating_add(period))
}

impl Strategy for SlidingWindowLog {
    fn name(&self) -> &'static str {
        "sliding-window-log"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let Arrival { rate, cost, now, .. } = *arrival;
        let (limit, period) = (rate.limit(), rate.period_micros());
        let entries = window(state, arrival);
        let used = entries.clone().fold(0_u64, |used, (_, cost)| used.saturating_add(cost));
        let left = limit.saturating_sub(used);
        let leaves = |at: u64| at.saturating_add(period).saturating_sub(now);
        let quota = if cost > limit {
            Quota::never(rate, left)
        } else if cost > left {
            let mut free = left;
            let enough = entries.clone().find(|(_, cost_of_entry)| {
                free = free.saturating_add(*cost_of_entry);
                free >= cost
            });
            Quota::denied(rate, left, enough.map_or(period, |(at, _)| leaves(at)))
        } else {
            Quota::allowed(rate, left - cost)
        };
        let mut words: Vec<u64> = entries.clone().flat_map(|(at, cost)| [at, cost]).collect();
        if quota.fits() && cost > 0 {
            push(&mut words, now, cost);
        }
        let oldest = words.first().map_or(0, |&at| leaves(at));
        let youngest = words.iter().rev().nth(1).map_or(0, |&at| leaves(at));
        let state = State::new(now.saturating_add(youngest), 0).with_list(words);
        Step { quota: quota.with_times(oldest, youngest), state }
    }

    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        let charged = arrival.now.saturating_sub(elapsed);
        let mut words = state.list().to_vec();
        if let Some([_, cost]) = words.as_chunks_mut::<2>().0.iter_mut().find(|[at, _]| *at == charged) {
            *cost = cost.saturating_sub(arrival.cost);
        }
        State::new(state.until(), state.word()).with_list(words)
    }
}

/// Adds an entry; the log stays in the order of time even if the clock does not.
fn push(words: &mut Vec<u64>, now: u64, cost: u64) {
    let youngest = words.len().checked_sub(2).map(|at| words[at]);
    match youngest {
        Some(at) if at >= now => {
            if let Some(last) = words.last_mut() {
                *last = last.saturating_add(cost);
            }
        }
        _ => words.extend([now, cost]),
    }
}
