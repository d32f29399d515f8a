//! A sliding window in which the more important go first.

use std::fmt;

#[cfg(feature = "redis")]
use super::sliding_window_log::grain;
use super::sliding_window_log::{self, counts, entry_time};
use super::{Arrival, Class, State, Step, Strategy, Summary, Usage, summary};

/// A sliding window that four priorities share: a request has the limit less what its own and higher
/// priorities have used, so the lower ones are the first to be denied.
///
/// The priority is the request's [class](Arrival::class), which the throttle's `class` setting says: `low`,
/// `normal`, `high` or `critical`. It is never read from a key. Another class, or none, has the
/// [default](Self::default_priority).
///
/// - **Admits** a request if with it no more than the limit was admitted, of its own and higher priorities, in
///   the period that ends now. Nothing waits in line: a request is admitted or denied at once.
/// - **Worst burst** over any period: the limit for `critical`, for `high` and `critical` together, and so on,
///   if the higher ones come first. Since a request does not see what lower ones used before, all four together
///   may take four times the limit, the lowest first.
/// - **State**: time, priority and cost of each admitted request of the last period, 16 bytes each; those of one
///   microsecond and priority share an entry. No more entries than four times the limit. With a limit above 1,000
///   requests of one priority share an entry for each 250th of the period, and leave with the youngest of them, so
///   the state has at most 16 KB: a request then counts for up to a 250th of the period longer (346 seconds at
///   `100000/day`), and more is never admitted.
/// - **Wait**: until enough of the oldest that count against the request have left the window. A cost above the
///   limit never fits.
/// - **Remaining** is the limit less what counts against a request of this priority;
///   [`next_after`](crate::Quota::next_after) is when the oldest of that leaves,
///   [`reset_after`](crate::Quota::reset_after) when the youngest does.
///
/// Pick it where some requests of a client must still pass when others have used up the limit.
///
/// Requests from later than now, which a clock that stepped back leaves behind, count as long as they are no
/// more than a period ahead.
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

/// How important a request is to a [`PriorityQueue`]. The greater goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// The first to be denied: the class `low`.
    Low,
    /// The class `normal`.
    #[default]
    Normal,
    /// The class `high`.
    High,
    /// Denied only when requests of its own have used up the limit: the class `critical`.
    Critical,
}

impl Priority {
    const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Critical];

    /// The class that says this priority.
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
    /// A queue in which requests without a priority are [`Normal`](Priority::Normal).
    pub const fn new() -> Self {
        Self { default: Priority::Normal }
    }

    /// What requests are whose class is no priority.
    #[must_use]
    pub const fn default_priority(mut self, priority: Priority) -> Self {
        self.default = priority;
        self
    }

    fn priority(self, arrival: &Arrival) -> Priority {
        let said = Priority::ALL.into_iter().find(|priority| priority.class() == arrival.class);
        said.unwrap_or(self.default)
    }
}

/// Above the limit from which on they are merged, a period has so many entries of each priority.
const ENTRIES: u64 = 250;

/// When an entry came, and of which priority, in one word: until the year 148 000 there is room for both, and
/// the words are in the order of time.
const fn word(at: u64, priority: Priority) -> u64 {
    const LAST: u64 = u64::MAX >> 2;
    (if at < LAST { at } else { LAST }) << 2 | priority as u64
}

/// The entries of the window that ends at the arrival: pairs of word and cost, oldest first.
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

/// Adds an entry, which is not older than the youngest; those of one time and priority share an entry.
fn push(words: &mut Vec<u64>, word: u64, cost: u64) {
    let same_time =
        words.as_chunks_mut::<2>().0.iter_mut().rev().take_while(|[other, _]| *other >> 2 == word >> 2);
    match same_time.into_iter().find(|[other, _]| *other == word) {
        Some([_, units]) => *units = units.saturating_add(cost),
        None => words.extend([word, cost]),
    }
}
