//! Strategies: how a limit is enforced. Each strategy is one pure step function.
//!
//! | strategy | admits | use it when |
//! |---|---|---|
//! | [`FixedWindow`] (default) | the limit in every clock-aligned window | limits are stated per minute or hour, and people read them |
//! | [`SlidingWindowLog`] | the limit in every period, whenever it begins | limits are small and must be enforced exactly |
//! | [`SlidingWindowCounter`] | about the limit in every period | bursts at the border of fixed windows are a problem, and a log is too large |
//! | [`TokenBucket`] | the average rate, and bursts of saved tokens | clients may save up |
//! | [`TokenBucketWithDebt`] | like a token bucket, and additional units on credit | clients may finish their work and pay later |
//! | [`LeakyBucket`] | what fits into a bucket that drains at the rate | load drains evenly |
//! | [`Gcra`] | evenly spaced requests, with a configurable burst | the work behind the limit needs a steady flow |
//! | [`LeakyBucketQueue`] | like a leaky bucket, but each request leaves as a whole | a large request occupies its space until it is finished |
//! | [`CostBasedTokenBucket`] | bursts, with a refill that slows down as requests cost more | large requests do more harm than their cost expresses |
//! | [`TieredRate`] | in every window, a multiple of the limit for each tier | there are a few price plans |
//! | [`PriorityQueue`] | in every period, the limit for each priority and the priorities above it together | some requests must be admitted when others have used up the limit |
//! | [`QuotaWithRollover`] | the limit in every window, and a share of the unused limit of the previous window | customers pay for a quota |
//! | [`Adaptive`] | in every window, the part of the limit that the load allows | clients may use much while there is spare capacity |
//! | `TimeOfDay` | in every window, a multiple of the limit for each hour (feature `time-zones`) | there is more capacity at some hours |
//! | `Calendar` | the limit in every day, week, month or year of a time zone (feature `time-zones`) | contracts use calendar months |
//!
//! A strategy has no access to a store or a clock. It receives the state and the time, and returns the
//! decision and the new state. Every backend runs the same function.
//!
//! Times are whole microseconds. Divisions are rounded so that a wait is never too short. A request is admitted
//! after exactly the reported wait, and denied one microsecond earlier.

mod adaptive;
mod adaptive_window;
mod aligned_window;
mod backlog;
mod bucket;
#[cfg(feature = "time-zones")]
mod calendar;
#[cfg(feature = "time-zones")]
mod calendar_window;
mod cost_based_token_bucket;
mod divisor;
mod fixed_window;
mod gcra;
mod leaky_bucket;
mod leaky_bucket_queue;
#[cfg(feature = "redis")]
mod lua;
mod multiplier;
mod plan;
mod priority_queue;
mod quota_with_rollover;
mod sliding_window_counter;
mod sliding_window_log;
mod state;
mod step;
mod summary;
mod tiered_rate;
#[cfg(feature = "time-zones")]
mod time_of_day;
mod token_bucket;
mod token_bucket_with_debt;
mod usage;
mod window_pair;
mod words;
#[cfg(feature = "time-zones")]
mod zone;

use std::any::TypeId;
use std::fmt::Debug;

pub use crate::class::Class;
pub use adaptive::Adaptive;
#[cfg(feature = "time-zones")]
pub use calendar::Calendar;
pub use cost_based_token_bucket::CostBasedTokenBucket;
pub use fixed_window::FixedWindow;
pub use gcra::Gcra;
pub use leaky_bucket::LeakyBucket;
pub use leaky_bucket_queue::LeakyBucketQueue;
#[cfg(feature = "redis")]
pub(crate) use lua::Lua;
#[cfg(feature = "redis")]
#[doc(hidden)]
pub use lua::Script;
pub use multiplier::Multiplier;
#[doc(hidden)]
pub use plan::Plan;
pub use priority_queue::{Priority, PriorityQueue};
pub use quota_with_rollover::QuotaWithRollover;
pub use sliding_window_counter::SlidingWindowCounter;
pub use sliding_window_log::SlidingWindowLog;
pub use state::State;
pub use step::{Arrival, Step};
#[doc(hidden)]
pub use summary::Summary;
pub use tiered_rate::TieredRate;
#[cfg(feature = "time-zones")]
pub use time_of_day::TimeOfDay;
pub use token_bucket::TokenBucket;
pub use token_bucket_with_debt::TokenBucketWithDebt;
pub(crate) use usage::Usages;
#[doc(hidden)]
pub use usage::{Lane, Usage};
pub(crate) use words::Words;

use crate::rate::Rate;

/// The strategies that have a script for Redis. A decision by another strategy takes two calls to Redis.
#[cfg(feature = "redis")]
pub(crate) static IN_LUA: &[&Lua] = &[
    &adaptive::LUA,
    &backlog::LUA,
    #[cfg(feature = "time-zones")]
    &calendar::LUA,
    &cost_based_token_bucket::LUA,
    &aligned_window::LUA,
    &leaky_bucket_queue::LUA,
    &priority_queue::LUA,
    &quota_with_rollover::LUA,
    &sliding_window_counter::LUA,
    &sliding_window_log::LUA,
    #[cfg(feature = "time-zones")]
    &time_of_day::LUA,
];

/// A strategy: how a limit is enforced.
///
/// `step` is a pure function of its arguments. It must accept any stored state, such as a state of another
/// strategy, a state of another rate, or garbage. An unreadable state counts as missing, and a time in the
/// future must not lock a client out. For a request that does not fit, `step` returns
/// [`Quota::denied`](crate::Quota::denied) or [`Quota::never`](crate::Quota::never). The state of such a step is
/// discarded, so a denied request never changes anything.
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
    /// Returns a short constant name. Together with the periods of the limits, the name identifies states. A
    /// throttle whose strategy or period changes starts with empty states. A throttle whose limit changes
    /// keeps its states.
    fn name(&self) -> &'static str;

    /// Returns the load of the system, in a unit that the strategy defines. It is called once per decision,
    /// and passed to `step` in [`Arrival::load`], so that a step stays a pure function.
    ///
    /// # Default
    ///
    /// 0.
    fn load(&self) -> u64 {
        0
    }

    /// Returns what is wrong with this strategy, if that is known only at run time. The registry reports it
    /// at startup.
    ///
    /// # Default
    ///
    /// `None`.
    fn problem(&self) -> Option<String> {
        None
    }

    /// Returns why the strategy cannot enforce that limit, or `None` if it can. The registry reports it at
    /// startup for limits that are known by then.
    ///
    /// # Default
    ///
    /// `None`.
    fn misfit(&self, rate: Rate) -> Option<String> {
        let _ = rate;
        None
    }

    /// Decides one request against one limit.
    fn step(&self, state: &State, arrival: &Arrival) -> Step;

    /// Returns the greatest limit of a window, for callers of any class. Returns `None` unless windows are
    /// aligned to the clock, and a state consists only of the end of its window and the units that were used
    /// in it.
    #[doc(hidden)]
    fn counter_limit(&self, rate: Rate) -> Option<u64> {
        let _ = rate;
        None
    }

    /// Returns the limit of the arrival's window. Returns `None` unless a step only adds the cost to the
    /// units of a window, up to that limit.
    #[doc(hidden)]
    fn increment_limit(&self, arrival: &Arrival) -> Option<u64> {
        let _ = arrival;
        None
    }

    /// Returns the type of the strategy.
    #[doc(hidden)]
    fn kind(&self) -> TypeId {
        TypeId::of::<Self>()
    }

    /// Returns a plan that decides like `step` for one rate, and that the memory backend runs without a
    /// dynamic call.
    #[doc(hidden)]
    fn plan(&self, rate: Rate) -> Option<Plan> {
        let _ = rate;
        None
    }

    /// Returns a script that decides like `step` for requests like this one, at about the time of the
    /// arrival. Redis runs it.
    #[cfg(feature = "redis")]
    #[doc(hidden)]
    fn script(&self, arrival: &Arrival) -> Option<Script> {
        let _ = arrival;
        None
    }

    /// Returns how the memory backend summarises states that it evicts. The default is safe for every
    /// strategy: the identity of an evicted state is denied until the state ends.
    #[doc(hidden)]
    fn summary(&self) -> Summary {
        Summary::Opaque
    }

    /// Returns a state that stands for evicted states. `usages` are the greatest numbers of the
    /// [summaries](Self::summary) of these states. The returned state admits nothing that the evicted states
    /// would not admit.
    #[doc(hidden)]
    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        let _ = (usages, arrival);
        State::EMPTY
    }

    /// Returns the state after the refund of an admitted request, for example because a later throttle denied
    /// it. The request was charged `elapsed` microseconds before `arrival.now`. The refund may be less than
    /// the charge, because time may already have restored a part of it. It is never more.
    ///
    /// # Default
    ///
    /// Refunds nothing.
    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        let _ = (arrival, elapsed);
        state.clone()
    }
}
