//! Windows aligned to the clock, with a limit for each tier of callers.

use std::fmt;

use super::{Arrival, Class, Multiplier, State, Step, Strategy, Summary, Usage, aligned_window, summary};
use crate::rate::Rate;

/// A [`FixedWindow`](super::FixedWindow) in which each tier of callers has a multiple of the limit. With
/// `10/min` and the default tiers, a free user has 10, a premium user 50 and an enterprise user 100.
///
/// The tier is the request's [class](Arrival::class), which the throttle's `class` setting returns. It is
/// never read from a key, so a client cannot choose its tier through the text of an id. A class without a
/// tier, and a request without a class, have the default tier.
///
/// - **Admits** up to the tier's limit per aligned window, with any costs. A ratio is rounded down to whole
///   units.
/// - **Worst burst**: twice the tier's limit within any period, around the border of two windows.
/// - **State**: the end of the window, and the units used in it.
/// - **Wait**: until the end of the window. A cost above the tier's limit never fits, as long as the tier
///   stays the same.
/// - **Remaining** is the unused part of the tier's limit in this window.
///   [`next_after`](crate::Quota::next_after) and [`reset_after`](crate::Quota::reset_after) are both the end
///   of the window.
///
/// If a client changes its tier within a window, its usage stays counted and the limit of the new tier
/// applies. After 8 units of `10/min`, an upgrade to 5 times the limit leaves 42. A downgrade after 42 units
/// leaves nothing until the window ends.
///
/// Use it if some customers pay for more, and there are a few price plans. For a separate limit per customer,
/// use a function as the rate.
///
/// If the clock steps back, it behaves like `FixedWindow`.
///
/// ```
/// use throttle::{strategy::{TieredRate, Multiplier}, throttle};
///
/// #[throttle(rate = "10/min", strategy = TieredRate::new().tier("partner", Multiplier::new(20)))]
/// async fn search() -> &'static str { "found" }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(search));
/// ```
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, Class, State, Strategy, TieredRate, Multiplier}};
///
/// const PLANS: TieredRate = TieredRate::of("basic", Multiplier::ONE).tier("team", Multiplier::ratio(5, 2));
/// let left = |class| {
///     let arrival = Arrival::new(Rate::per_minute(10), 0, 0).class(class);
///     PLANS.step(&State::EMPTY, &arrival).quota.remaining()
/// };
/// assert_eq!((left(Class::new("team")), left(Class::new("basic")), left(Class::NONE)), (25, 10, 10));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TieredRate {
    /// The first tier is the default.
    tiers: [(Class, Multiplier); Self::MAX],
    len: usize,
}

impl TieredRate {
    /// The maximum number of tiers.
    pub const MAX: usize = 8;

    /// Creates the tiers `free`, `premium` and `enterprise` with 1, 5 and 10 times the limit. The default
    /// tier is `free`.
    pub const fn new() -> Self {
        Self::of("free", Multiplier::ONE)
            .tier("premium", Multiplier::new(5))
            .tier("enterprise", Multiplier::new(10))
    }

    /// Creates custom tiers, beginning with the default tier.
    ///
    /// # Panics
    ///
    /// If the name is empty or longer than [`Class::MAX`] bytes. In a constant, this is a compile error.
    #[track_caller]
    pub const fn of(default: &str, times: Multiplier) -> Self {
        Self { tiers: [(Class::NONE, Multiplier::ONE); Self::MAX], len: 0 }.tier(default, times)
    }

    /// Adds a tier.
    ///
    /// # Panics
    ///
    /// If the name is empty, longer than [`Class::MAX`] bytes or already in use, or if there are already 8
    /// tiers. In a constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn tier(mut self, name: &str, times: Multiplier) -> Self {
        assert!(!name.is_empty(), "a tier needs a name");
        assert!(self.len < Self::MAX, "there are at most 8 tiers");
        let class = Class::new(name);
        let mut other = 0;
        while other < self.len {
            assert!(!self.tiers[other].0.is(class), "there is a tier of that name already");
            other += 1;
        }
        self.tiers[self.len] = (class, times);
        self.len += 1;
        self
    }

    fn tiers(&self) -> &[(Class, Multiplier)] {
        self.tiers.get(..self.len).unwrap_or_default()
    }

    /// Returns the units per window for callers of the arrival's class.
    fn limit(&self, arrival: &Arrival) -> u64 {
        let tier = self.tiers().iter().find(|(class, _)| *class == arrival.class);
        tier.unwrap_or(&self.tiers[0]).1.of_limit(arrival.rate.limit())
    }
}

impl Default for TieredRate {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for TieredRate {
    fn name(&self) -> &'static str {
        "tiered-rate"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        aligned_window::step(state, arrival, self.limit(arrival))
    }

    fn counter_limit(&self, rate: Rate) -> Option<u64> {
        self.tiers().iter().map(|(_, times)| times.of_limit(rate.limit())).max()
    }

    fn increment_limit(&self, arrival: &Arrival) -> Option<u64> {
        Some(self.limit(arrival))
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        aligned_window::script(arrival, self.limit(arrival))
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

impl fmt::Debug for TieredRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TieredRate ")?;
        f.debug_map().entries(self.tiers().iter().map(|(class, times)| (class.name(), times))).finish()
    }
}
