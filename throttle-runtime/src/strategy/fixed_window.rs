//! Windows aligned to the clock, each with the whole limit.

use super::{Arrival, State, Step, Strategy};
use crate::Quota;

/// The limit in every window, where windows are aligned to the clock: `100/min` is 100 from each full
/// minute to the next.
///
/// - **Admits** up to the limit per aligned window, in any costs.
/// - **Worst burst**: twice the limit within any period, around the border of two windows.
/// - **State**: the start of the window and the units used in it.
/// - **Wait**: to the end of the window. A cost above the limit never fits.
/// - **Remaining** is what is left of the window; [`next_after`](Quota::next_after) and
///   [`reset_after`](Quota::reset_after) are both its end.
///
/// A clock that steps back by up to a period finds the window that it had begun before: what was used there
/// stays used until that window ends, at most two periods from now. After a longer step the state is none.
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, FixedWindow, State, Strategy}};
///
/// let rate = Rate::per_second(2);
/// let step = FixedWindow.step(&State::EMPTY, &Arrival::new(rate, 2, 10_400_000));
/// assert!(step.quota.fits());
/// let step = FixedWindow.step(&step.state, &Arrival::new(rate, 1, 10_900_000));
/// assert_eq!(step.quota.retry_after().map(|wait| wait.as_millis()), Some(100));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FixedWindow;

impl Strategy for FixedWindow {
    fn name(&self) -> &'static str {
        "fixed-window"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let Arrival { rate, cost, now } = *arrival;
        let (limit, period) = (rate.limit(), rate.period_micros());
        let start = now - now % period;
        let (start, used) = match *state.words() {
            [began, used] if began >= start && began - start <= period => (began, used.min(limit)),
            _ => (start, 0),
        };
        let rest = start.saturating_add(period) - now;
        let left = limit - used;
        let quota = if cost > limit {
            Quota::never(rate, left)
        } else if cost > left {
            Quota::denied(rate, left, rest)
        } else {
            Quota::allowed(rate, left - cost)
        };
        Step {
            quota: quota.with_times(rest, rest),
            state: State::from([start, used.saturating_add(cost)]),
            ttl: rest,
        }
    }

    /// Only into the window of the charge: that of another was never touched by it.
    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        let charged = arrival.now.saturating_sub(elapsed);
        let start = charged - charged % arrival.rate.period_micros();
        match *state.words() {
            [began, used] if began == start => State::from([began, used.saturating_sub(arrival.cost)]),
            _ => state.clone(),
        }
    }
}
