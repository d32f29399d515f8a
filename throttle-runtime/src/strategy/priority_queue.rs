//! A sliding window that four priorities share.

use std::fmt;

#[cfg(feature = "redis")]
use super::sliding_window_log::grain;
use super::sliding_window_log::{counts, entry_time};
use super::{Arrival, Class, State, Step, Strategy, Summary, Usage, sliding_window_log, summary};

/// A sliding window that four priorities share. A request has the limit minus the usage of its own and higher
/// priorities, so the lower priorities are denied first.
///
/// The priority is the request's [class](Arrival::class), which the throttle's `class` setting returns:
/// `low`, `normal`, `high` or `critical`. It is never read from a key. Requests of another class, or without
/// a class, have the [default](Self::default_priority).
///
/// - **Admits** a request if, in the period that ends now, the units of its own and higher priorities
///   including the request are within the limit. No request is delayed: each one is admitted or denied
///   immediately.
/// - **Worst burst** over any period, if higher priorities come first: the limit for `critical`, the limit
///   for `high` and `critical` together, and so on. A request ignores the earlier usage of lower priorities.
///   Therefore, all four together may use four times the limit, if the lowest priority comes first.
/// - **State**: time, priority and cost of each admitted request of the last period, 16 bytes each. Requests
///   of the same microsecond and priority share an entry. There are at most four times as many entries as the
///   limit. With a limit above 1,000, requests of one priority share an entry for each 250th of the period,
///   and leave the window with the youngest of them. The state then has at most 16 KB. A request counts for
///   up to a 250th of the period longer (346 seconds at `100000/day`), and more than the limit is never
///   admitted.
/// - **Wait**: until enough of the oldest requests that count against this request have left the window. A
///   cost above the limit never fits.
/// - **Remaining** is the limit minus the units that count against a request of this priority.
///   [`next_after`](crate::Quota::next_after) is when the oldest of these units leave, and
///   [`reset_after`](crate::Quota::reset_after) is when the youngest leave.
///
/// Use it where some requests of a client must still be admitted when others have used up the limit.
///
/// If the clock steps back, requests that are later than now still count, as long as they are at most one
/// period in the future.
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, Class, Priority, PriorityQueue, State, Strategy}};
///
/// let (queue, rate) = (PriorityQueue::new(), Rate::per_minute(10));
/// let high = Arrival::new(rate, 7, 0).class(Priority::High.into());
/// let state = queue.step(&State::EMPTY, &high).state;
/// let left = |class| queue.step(&state, &Arrival::new(rate, 0, 0).class(class)).quota.remaining();
/// assert_eq!((left(Class::new("low")), left(Class::new("high")), left(Class::new("critical"))), (3, 3, 10));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PriorityQueue {
    default: Priority,
}

/// The priority of a request in a [`PriorityQueue`]. Greater priorities are admitted first.
///
/// # Default
///
/// [`Normal`](Self::Normal).
///
/// ```
/// use throttle::strategy::{Class, Priority};
///
/// assert!(Priority::High > Priority::Normal);
/// assert_eq!(Class::from(Priority::High), Class::new("high"));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Denied first. The class `low`.
    Low,
    /// The class `normal`.
    #[default]
    Normal,
    /// The class `high`.
    High,
    /// Denied only if requests of this priority have used up the limit. The class `critical`.
    Critical,
}

impl Priority {
    const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Critical];

    /// Returns the class of this priority.
    pub const fn class(self) -> Class {
        match self {
            Self::Low => const { Class::new("low") },
            Self::Normal => const { Class::new("normal") },
            Self::High => const { Class::new("high") },
            Self::Critical => const { Class::new("critical") },
        }
    }
}

impl From<Priority> for Class {
    fn from(priority: Priority) -> Self {
        priority.class()
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.class().fmt(f)
    }
}

impl PriorityQueue {
    /// Creates a strategy in which requests without a priority are [`Normal`](Priority::Normal).
    pub const fn new() -> Self {
        Self { default: Priority::Normal }
    }

    /// Sets the priority of requests whose class is not a priority.
    ///
    /// ```
    /// use throttle::{Rate, strategy::{Arrival, Priority, PriorityQueue, State, Strategy}};
    ///
    /// let (queue, rate) = (PriorityQueue::new().default_priority(Priority::High), Rate::per_minute(10));
    /// let normal = Arrival::new(rate, 7, 0).class(Priority::Normal.into());
    /// let state = queue.step(&State::EMPTY, &normal).state;
    /// assert_eq!(queue.step(&state, &Arrival::new(rate, 0, 0)).quota.remaining(), 10);
    /// ```
    ///
    /// # Default
    ///
    /// [`Priority::Normal`].
    #[must_use]
    pub const fn default_priority(mut self, priority: Priority) -> Self {
        self.default = priority;
        self
    }

    fn priority(self, arrival: &Arrival) -> Priority {
        let named = Priority::ALL.into_iter().find(|priority| priority.class() == arrival.class);
        named.unwrap_or(self.default)
    }
}

/// The number of entries per period and priority, for limits at which requests share entries.
const ENTRIES: u64 = 250;

/// Returns the time and the priority of an entry in one word. Until the year 148,000, both fit into the word.
/// Words are ordered by time.
const fn word(at: u64, priority: Priority) -> u64 {
    const LAST: u64 = u64::MAX >> 2;
    (if at < LAST { at } else { LAST }) << 2 | priority as u64
}

/// Returns the entries of the window that ends at the arrival: pairs of word and cost, oldest first.
fn window(state: &State, arrival: &Arrival) -> impl DoubleEndedIterator<Item = (u64, u64)> + Clone {
    let arrival = *arrival;
    let pairs = state.list().chunks_exact(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(move |&(word, cost)| counts(word >> 2, &arrival) && cost > 0)
}

#[cfg(feature = "redis")]
pub(super) static LUA: super::Lua = super::Lua(include_str!("priority_queue.lua"));

impl Strategy for PriorityQueue {
    fn name(&self) -> &'static str {
        "priority-queue"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let Arrival { rate, cost, now, .. } = *arrival;
        let priority = self.priority(arrival);
        let entries = window(state, arrival);
        let own = entry_time(now, rate, ENTRIES);
        let at = entries.clone().next_back().map_or(own, |(youngest, _)| own.max(youngest >> 2));
        let counting = entries.clone().filter(|(word, _)| word & 3 >= priority as u64);
        let quota = sliding_window_log::quota(counting.map(|(word, cost)| (word >> 2, cost)), at, arrival);
        let mut words: Vec<u64> = entries.flat_map(|(word, cost)| [word, cost]).collect();
        if quota.fits() && cost > 0 {
            push(&mut words, word(at, priority), cost);
        }
        let youngest = words.iter().rev().nth(1).map(|word| word >> 2);
        let until = youngest.map_or(0, |at| at.saturating_add(rate.period_micros()));
        Step { quota, state: State::new(until, 0).with_list(words) }
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        let Arrival { rate, cost, .. } = *arrival;
        let priority = self.priority(arrival) as u64;
        let arguments = [rate.limit(), rate.period_micros(), cost, priority, grain(rate, ENTRIES)];
        super::Script::new(&LUA, arguments)
    }

    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        let at = entry_time(arrival.now.saturating_sub(elapsed), arrival.rate, ENTRIES);
        let charged = word(at, self.priority(arrival));
        let mut words = state.list().to_vec();
        if let Some([_, cost]) = words.as_chunks_mut::<2>().0.iter_mut().find(|[word, _]| *word == charged) {
            *cost = cost.saturating_sub(arrival.cost);
        }
        State::new(state.until(), state.word()).with_list(words)
    }

    fn summary(&self) -> Summary {
        Summary::Priorities
    }

    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        let priority = |lane: u8| Priority::ALL.get(usize::from(lane)).copied().unwrap_or(Priority::Critical);
        summary::log(usages, arrival.rate.period_micros(), |at, lane| word(at, priority(lane)))
    }
}

/// Adds an entry, which is not older than the youngest entry. Requests of the same time and priority share an
/// entry.
fn push(words: &mut Vec<u64>, word: u64, cost: u64) {
    let same_time =
        words.as_chunks_mut::<2>().0.iter_mut().rev().take_while(|[other, _]| *other >> 2 == word >> 2);
    match same_time.into_iter().find(|[other, _]| *other == word) {
        Some([_, units]) => *units = units.saturating_add(cost),
        None => words.extend([word, cost]),
    }
}
