//! How a limit is enforced: each strategy one pure step function.
//!
//! | strategy | admits | pick it when |
//! |---|---|---|
//! | [`FixedWindow`] (default) | the limit in every clock-aligned window | limits are stated per minute or hour and people read them |
//! | [`SlidingWindowLog`] | the limit in every period, whenever it begins | limits are small and must hold exactly |
//! | [`SlidingWindowCounter`] | about the limit in every period | the border of fixed windows hurts and a log is too large |
//! | [`TokenBucket`] | the average rate, and bursts that were saved up | clients may save up |
//! | [`TokenBucketWithDebt`] | the same, and more on credit | clients may finish and pay later |
//! | [`LeakyBucket`] | what fits into a bucket that drains at the rate | load drains evenly |
//! | [`Gcra`] | evenly spaced requests, with a burst if you allow one | the work behind the limit needs a steady flow |
//! | [`LeakyBucketQueue`] | the same as a leaky bucket, but requests leave it as a whole | large requests keep their place until they are through |
//! | [`CostBasedTokenBucket`] | bursts, refilled the slower the more requests cost | large requests do more harm than their cost says |
//! | [`TieredRate`] | in every window a multiple of the limit for each tier | there is a handful of plans |
//! | [`PriorityQueue`] | the limit in every period to each priority and those above it | some requests must pass when others used the limit up |
//! | [`QuotaWithRollover`] | the limit in every window, and a share of what was left in the one before | people pay for a quota |
//! | [`Adaptive`] | in every window what the load leaves of the limit | clients may have much while there is plenty |
//! | `TimeOfDay` | in every window a multiple of the limit for each hour (feature `time-zones`) | there is more to give at some hours |
//! | `Calendar` | the limit in every day, week, month or year of a time zone (feature `time-zones`) | contracts speak of calendar months |
//!
//! A strategy knows neither storage nor clock: it is given the state and the time, and answers with the
//! verdict and the new state. Every backend runs the same function.

mod adaptive;
mod backlog;
#[cfg(feature = "time-zones")]
mod calendar;
mod class;
mod cost_based_token_bucket;
mod divisor;
mod fixed_window;
mod gcra;
mod leaky_bucket;
mod leaky_bucket_queue;
mod plan;
mod priority_queue;
mod quota_with_rollover;
#[cfg(feature = "redis")]
mod script;
mod sliding_window_counter;
mod sliding_window_log;
mod state;
mod summary;
mod tiered_rate;
#[cfg(feature = "time-zones")]
mod time_of_day;
mod times;
mod token_bucket;
mod token_bucket_with_debt;
mod two_windows;
#[cfg(feature = "time-zones")]
mod zone;

use std::any::TypeId;
use std::fmt::Debug;

pub use adaptive::Adaptive;
pub(crate) use backlog::Backlog;
#[cfg(feature = "time-zones")]
pub use calendar::Calendar;
pub use class::Class;
pub use cost_based_token_bucket::CostBasedTokenBucket;
pub use fixed_window::FixedWindow;
pub use gcra::Gcra;
pub use leaky_bucket::LeakyBucket;
pub use leaky_bucket_queue::LeakyBucketQueue;
#[doc(hidden)]
pub use plan::Plan;
pub(crate) use plan::Words;
pub use priority_queue::{Priority, PriorityQueue};
pub use quota_with_rollover::QuotaWithRollover;
#[cfg(feature = "redis")]
pub(crate) use script::Lua;
#[cfg(feature = "redis")]
#[doc(hidden)]
pub use script::Script;
pub use sliding_window_counter::SlidingWindowCounter;
pub use sliding_window_log::SlidingWindowLog;
pub use state::State;
pub(crate) use summary::Usages;
#[doc(hidden)]
pub use summary::{Lane, Summary, Usage};
pub use tiered_rate::TieredRate;
#[cfg(feature = "time-zones")]
pub use time_of_day::TimeOfDay;
pub use times::Times;
pub use token_bucket::TokenBucket;
pub use token_bucket_with_debt::TokenBucketWithDebt;

use crate::{Quota, Rate};

/// The steps that Redis takes itself; by the others it is asked twice.
#[cfg(feature = "redis")]
pub(crate) static IN_LUA: &[&Lua] = &[
    &adaptive::LUA,
    &backlog::LUA,
    #[cfg(feature = "time-zones")]
    &calendar::LUA,
    &cost_based_token_bucket::LUA,
    &fixed_window::LUA,
    &leaky_bucket_queue::LUA,
    &priority_queue::LUA,
    &quota_with_rollover::LUA,
    &sliding_window_counter::LUA,
    &sliding_window_log::LUA,
    #[cfg(feature = "time-zones")]
    &time_of_day::LUA,
];

/// One request as a strategy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// The limit; never [`Rate::UNLIMITED`].
    pub rate: Rate,
    /// Units the request takes. 0 asks without taking.
    pub cost: u64,
    /// Microseconds since the Unix epoch, by the backend's clock. May step back.
    pub now: u64,
    /// What the throttle's `class` said about the caller.
    pub class: Class,
    /// What [`Strategy::load`] said before this decision.
    pub load: u64,
}

impl Arrival {
    /// A request of `cost` units against `rate` at `now` microseconds after the Unix epoch, of no class.
    pub const fn new(rate: Rate, cost: u64, now: u64) -> Self {
        Self { rate, cost, now, class: Class::NONE, load: 0 }
    }

    /// The same at another time.
    #[must_use]
    pub const fn at(self, now: u64) -> Self {
        Self { now, ..self }
    }

    /// The same by a caller of that class.
    #[must_use]
    pub const fn class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// The same under that load.
    #[must_use]
    pub const fn load(self, load: u64) -> Self {
        Self { load, ..self }
    }
}

/// What a strategy answers to an [`Arrival`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Whether it fits, and what is left.
    pub quota: Quota,
    /// The state after the request. Stored only if the request passes.
    pub state: State,
}

/// How a limit is enforced.
///
/// `step` is a pure function of its arguments. It must work from any stored state (another strategy's,
/// another rate's, garbage): what it cannot read counts as nothing stored, and a time in the future must not
/// lock anybody out. A request that does not fit is answered with [`Quota::denied`] or [`Quota::never`]; the
/// state of such a step is thrown away, so a denied request changes nothing whatever the strategy does.
///
/// ```
/// use throttle::strategy::{Arrival, State, Step, Strategy};
/// use throttle::Quota;
///
/// /// Lets the first units pass and nothing after, for a period from the first request.
/// #[derive(Debug)]
/// struct Once;
///
/// impl Strategy for Once {
///     fn name(&self) -> &'static str {
///         "once"
///     }
///
///     fn step(&self, state: &State, arrival: &Arrival) -> Step {
///         let (limit, period) = (arrival.rate.limit(), arrival.rate.period_micros());
///         let (until, used) = match state.until().checked_sub(arrival.now) {
///             Some(rest) if (1..=period).contains(&rest) => (state.until(), state.word()),
///             _ => (arrival.now.saturating_add(period), 0),
///         };
///         let rest = until - arrival.now;
///         let left = limit.saturating_sub(used);
///         let quota = match left.checked_sub(arrival.cost) {
///             Some(left) => Quota::allowed(arrival.rate, left),
///             None if arrival.cost > limit => Quota::never(arrival.rate, left),
///             None => Quota::denied(arrival.rate, left, rest),
///         };
///         let state = State::new(until, used.saturating_add(arrival.cost));
///         Step { quota: quota.with_times(rest, rest), state }
///     }
/// }
/// ```
pub trait Strategy: Debug + Send + Sync + 'static {
    /// A short constant name. State is kept apart by it and by the periods of the limits: a throttle that
    /// changes its strategy or a period starts anew, one that changes a limit carries on.
    fn name(&self) -> &'static str;

    /// How loaded the system is, in a unit of the strategy's own: asked once per decision, and given back in
    /// [`Arrival::load`], so that a step stays a function of its arguments.
    fn load(&self) -> u64 {
        0
    }

    /// What is wrong with this strategy, if it can only be told at run time: the registry reports it at the
    /// start. The default finds nothing.
    fn problem(&self) -> Option<String> {
        None
    }

    /// Why it cannot enforce that limit, if it cannot: the registry reports it at the start where the limit is known
    /// by then. The default enforces any.
    fn misfit(&self, rate: Rate) -> Option<String> {
        let _ = rate;
        None
    }

    /// Decides one request against one limit.
    fn step(&self, state: &State, arrival: &Arrival) -> Step;

    /// The greatest limit of a window, of callers of any class, if windows are aligned to the clock and a state is no more
    /// than the end of its window and the units that were used in it.
    #[doc(hidden)]
    fn counter_limit(&self, rate: Rate) -> Option<u64> {
        let _ = rate;
        None
    }

    /// The limit of the arrival's window, if a step does no more to the units of a window than to add the cost up to that
    /// limit.
    #[doc(hidden)]
    fn increment_limit(&self, arrival: &Arrival) -> Option<u64> {
        let _ = arrival;
        None
    }

    /// Which type of strategy it is.
    #[doc(hidden)]
    fn kind(&self) -> TypeId {
        TypeId::of::<Self>()
    }

    /// The same as `step` for one rate, in a form that the memory backend runs without a call.
    #[doc(hidden)]
    fn plan(&self, rate: Rate) -> Option<Plan> {
        let _ = rate;
        None
    }

    /// The same as `step` for requests like this one, in a form that Redis runs, at about the time of the arrival.
    #[cfg(feature = "redis")]
    #[doc(hidden)]
    fn script(&self, arrival: &Arrival) -> Option<Script> {
        let _ = arrival;
        None
    }

    /// How the memory backend summarises states that it evicts. The default is safe for every strategy: the identity of
    /// an evicted state is denied until the state ends.
    #[doc(hidden)]
    fn summary(&self) -> Summary {
        Summary::Opaque
    }

    /// A state that admits nothing that the states would not, of whose [summaries](Self::summary) these are the greatest
    /// numbers.
    #[doc(hidden)]
    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        let _ = (usages, arrival);
        State::EMPTY
    }

    /// The state after an admitted request, charged `elapsed` microseconds before `arrival.now`, is undone:
    /// a later throttle denied it. May give back less than was taken (what time has given back already),
    /// never more.
    ///
    /// The default gives nothing back.
    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        let _ = (arrival, elapsed);
        state.clone()
    }
}
