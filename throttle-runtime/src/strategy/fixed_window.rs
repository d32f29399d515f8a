//! Windows aligned to the clock, each with the whole limit.

#[cfg(feature = "redis")]
use super::lua::Script;
use super::plan::Plan;
use super::{Arrival, State, Step, Strategy, Summary, Usage, aligned_window, summary};
use crate::rate::Rate;

/// Admits the limit in every window. Windows are aligned to the clock: `100/min` is 100 from each full minute
/// to the next.
///
/// - **Admits** up to the limit per aligned window, with any costs.
/// - **Worst burst**: twice the limit within any period, around the border of two windows.
/// - **State**: the end of the window, and the units used in it.
/// - **Wait**: until the end of the window. A cost above the limit never fits.
/// - **Remaining** is the unused part of the limit in this window. [`next_after`](crate::Quota::next_after) and
///   [`reset_after`](crate::Quota::reset_after) are both the end of the window.
///
/// If the clock steps back by up to one period, the window that had already begun stays in effect: its usage
/// counts until that window ends, at most two periods from now. After a longer step, the state is ignored.
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
        aligned_window::step(state, arrival, arrival.rate.limit())
    }

    fn counter_limit(&self, rate: Rate) -> Option<u64> {
        Some(rate.limit())
    }

    fn increment_limit(&self, arrival: &Arrival) -> Option<u64> {
        Some(arrival.rate.limit())
    }

    fn plan(&self, _: Rate) -> Option<Plan> {
        Some(Plan::Window)
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<Script> {
        aligned_window::script(arrival, arrival.rate.limit())
    }

    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        aligned_window::refund(state, arrival, elapsed)
    }

    fn summary(&self) -> Summary {
        Summary::Window
    }

    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        summary::window(self, usages, arrival)
    }
}
