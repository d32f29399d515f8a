//! The input and the result of one step of a strategy.

use super::{Class, State};
use crate::decision::Quota;
use crate::rate::Rate;

/// One request, as a strategy receives it.
///
/// ```
/// use throttle::Rate;
/// use throttle::strategy::{Arrival, Class};
///
/// let arrival = Arrival::new(Rate::per_minute(10), 2, 1_000_000).class(Class::new("premium")).load(800);
/// let later = arrival.at(1_500_000);
/// assert_eq!((later.cost, later.now, later.load), (2, 1_500_000, 800));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// The limit. It is never [`Rate::UNLIMITED`].
    pub rate: Rate,
    /// The units that the request costs. With 0, the request only reads the limit.
    pub cost: u64,
    /// The time by the backend's clock, in microseconds since the Unix epoch. It may step back.
    pub now: u64,
    /// The class of the caller, as the throttle's `class` setting returns it.
    pub class: Class,
    /// The result of [`Strategy::load`](super::Strategy::load) before this decision.
    pub load: u64,
}

impl Arrival {
    /// Creates a request of `cost` units against `rate`, at `now` microseconds after the Unix epoch.
    ///
    /// # Default
    ///
    /// The class is [`Class::NONE`], and the load is 0.
    pub const fn new(rate: Rate, cost: u64, now: u64) -> Self {
        Self { rate, cost, now, class: Class::NONE, load: 0 }
    }

    /// Returns the same request at another time, in microseconds since the Unix epoch.
    #[must_use]
    pub const fn at(self, now: u64) -> Self {
        Self { now, ..self }
    }

    /// Returns the same request by a caller of that class.
    #[must_use]
    pub const fn class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// Returns the same request under that load, in the unit of [`Strategy::load`](super::Strategy::load).
    #[must_use]
    pub const fn load(self, load: u64) -> Self {
        Self { load, ..self }
    }
}

/// The result of a strategy for an [`Arrival`].
///
/// ```
/// use throttle::Rate;
/// use throttle::strategy::{Arrival, FixedWindow, State, Strategy};
///
/// let step = FixedWindow.step(&State::EMPTY, &Arrival::new(Rate::per_second(2), 1, 0));
/// assert_eq!((step.quota.fits(), step.quota.remaining()), (true, 1));
/// assert_eq!((step.state.until(), step.state.word()), (1_000_000, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Whether the limit admits the request, and the remaining quota.
    pub quota: Quota,
    /// The state after the request. It is stored only if the request is admitted.
    pub state: State,
}
