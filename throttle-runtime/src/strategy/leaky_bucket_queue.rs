//! A leaky bucket that requests leave one by one, each as a whole.

use super::{Arrival, State, Step, Strategy, Summary, Usage, backlog, summary};
use crate::decision::Quota;
use crate::decision::backlog::{micros, units};
use crate::rate::Rate;

/// A queue of requests that is processed at the rate, first in, first out. A request frees its space only
/// when all of its units are processed. A request fits if the queue including the request is within its size.
///
/// The queue exists only as a count: no request is delayed, and each one is admitted or denied immediately.
/// It models the queue of the worker behind the limit, where a job keeps its whole space until it is
/// finished.
///
/// Requests of cost 1 are decided as by a [`LeakyBucket`](super::LeakyBucket), where space becomes free unit
/// by unit. With greater costs, space becomes free request by request. Example: a request of cost 10 at
/// `10/s`. After half a second, a leaky bucket has space for 5. This queue has no space before the second is
/// over, and then has space for 10.
///
/// - **Admits** a request if the cost of all requests in the queue plus its own cost is within the
///   [size](Self::size).
/// - **Worst burst** over any time t: size + t × limit / period units, rounded down.
/// - **State**: the time at which the queue will be empty, exact to a fraction of a microsecond, and a list
///   with the time and cost of each request in the queue, 16 bytes per request. The list begins with the
///   first request that costs more than 1, so it is empty while all requests cost 1. It has never more
///   entries than the size. With a size above 1,000, a request shares the entry before it as long as both
///   together are at most 1/500 of the size, and then leaves the queue with it. The state therefore has at
///   most 16 KB. Up to 1/500 of the size becomes free later, and more than the size is never admitted.
/// - **Wait**: until enough of the oldest requests have left. This takes longer than a period if the size is
///   above the limit. A cost above the size never fits.
/// - **Remaining** is what still fits into the queue. [`next_after`](Quota::next_after) is when a request
///   leaves and more fits, and [`reset_after`](Quota::reset_after) is when the queue is empty.
///
/// Use it where costs differ, and a large request blocks its resources until it is finished.
///
/// If the clock steps back, waits become longer by that step. After a step of more than twice the time in
/// which a full queue empties, the state is ignored.
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, LeakyBucketQueue, State, Strategy}};
///
/// let (queue, rate) = (LeakyBucketQueue::new(), Rate::per_second(10));
/// let first = queue.step(&State::EMPTY, &Arrival::new(rate, 6, 0));
/// let second = queue.step(&first.state, &Arrival::new(rate, 4, 0));
/// let third = queue.step(&second.state, &Arrival::new(rate, 1, 100_000));
/// assert_eq!(third.quota.retry_after().map(|wait| wait.as_millis()), Some(500));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeakyBucketQueue {
    size: Option<u64>,
}

impl LeakyBucketQueue {
    /// Creates a queue that holds as many units as the limit.
    pub const fn new() -> Self {
        Self { size: None }
    }

    /// Sets how many units the queue holds.
    ///
    /// ```
    /// use throttle::{Rate, strategy::{Arrival, LeakyBucketQueue, State, Strategy}};
    ///
    /// let (queue, rate) = (LeakyBucketQueue::new().size(30), Rate::per_second(10));
    /// let step = queue.step(&State::EMPTY, &Arrival::new(rate, 12, 0));
    /// assert_eq!((step.quota.fits(), step.quota.remaining()), (true, 18));
    /// ```
    ///
    /// # Default
    ///
    /// The limit.
    ///
    /// # Panics
    ///
    /// If `units` is 0. In a constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn size(self, units: u64) -> Self {
        assert!(units > 0, "a queue of size 0 rejects every request: write at least 1");
        Self { size: Some(units) }
    }

    fn units(self, rate: Rate) -> u64 {
        self.size.unwrap_or_else(|| rate.limit())
    }
}

/// Returns up to how many units several requests share an entry of the list. A list has at most twice as many
/// entries as a full queue has parts of this size. Returns 0, so that requests share no entries, for sizes
/// with an entry for each request.
const fn joined(size: u64) -> u64 {
    if size > 1_000 { size.div_ceil(500) } else { 0 }
}

/// The requests that are in the queue at a given time.
struct Queue<'a> {
    /// The remaining work, as in a backlog.
    ticks: u128,
    /// The number of requests of cost 1 that are ahead of the others.
    singles: u64,
    /// The other requests: time and cost, oldest first.
    others: &'a [[u64; 2]],
    period: u64,
}

impl<'a> Queue<'a> {
    fn read(state: &'a State, arrival: &Arrival, size: u64) -> Self {
        let ticks = backlog::before(state, arrival, backlog::capacity(size, arrival.rate));
        let period = arrival.rate.period_micros();
        let list = state.list().as_chunks::<2>().0;
        let (mut rest, mut first) = (ticks, list.len());
        // The remaining work belongs to the youngest requests. Requests that it does not reach have left.
        while rest > 0 && first > 0 {
            first -= 1;
            rest = rest.saturating_sub(u128::from(list[first][1]) * u128::from(period));
        }
        let singles = u64::try_from(rest.div_ceil(u128::from(period))).unwrap_or(u64::MAX);
        Self { ticks, singles, others: &list[first..], period }
    }

    /// Returns the units that the queue holds, including units of its first request that are already
    /// processed.
    fn held(&self) -> u64 {
        self.others.iter().fold(self.singles, |held, [_, cost]| held.saturating_add(*cost))
    }

    /// Returns the ticks until at most `room` units are held.
    fn ticks_to(&self, room: u64) -> u128 {
        let mut held = 0_u64;
        let mut youngest = self.others.iter().rev().map(|[_, cost]| *cost);
        let too_many = youngest.any(|cost| {
            let fits = held.saturating_add(cost) <= room;
            held += if fits { cost } else { 0 };
            !fits
        });
        held += if too_many { 0 } else { self.singles.min(room - held) };
        self.ticks.saturating_sub(u128::from(held) * u128::from(self.period))
    }

    /// Returns the state of these requests and of `last`, a further request. `last` shares the entry of the
    /// request before it if both together are at most `joined` units.
    fn store(&self, arrival: &Arrival, ticks: u128, last: Option<[u64; 2]>, joined: u64) -> State {
        let (others, last) = match (self.others, last) {
            ([others @ .., [at, units]], Some([_, cost])) if units.saturating_add(cost) <= joined => {
                (others, Some([*at, units + cost]))
            }
            other => other,
        };
        let others = others.iter().copied().chain(last);
        let list: Vec<u64> = others.skip_while(|[_, cost]| *cost == 1).flatten().collect();
        backlog::store(ticks, arrival).with_list(list)
    }
}

#[cfg(feature = "redis")]
pub(super) static LUA: super::Lua =
    super::Lua(concat!(include_str!("backlog.lua"), include_str!("leaky_bucket_queue.lua")));

impl Strategy for LeakyBucketQueue {
    fn name(&self) -> &'static str {
        "leaky-bucket-queue"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let Arrival { rate, cost, now, .. } = *arrival;
        let size = self.units(rate);
        if cost <= 1 && state.list().is_empty() {
            return backlog::step(state, arrival, backlog::capacity(size, rate));
        }
        let queue = Queue::read(state, arrival, size);
        let held = queue.held();
        // Work that is finished after the end of 64-bit time cannot be stored. Waiting does not change that.
        let storable = units(backlog::storable(arrival).saturating_sub(queue.ticks), rate);
        let left = size.saturating_sub(held).min(storable);
        let fits = cost <= left;
        let request = (fits && cost > 0).then_some([now, cost]);
        let work = if fits { u128::from(cost) * u128::from(queue.period) } else { 0 };
        let ticks = queue.ticks.saturating_add(work);
        let state = queue.store(arrival, ticks, request, joined(size));
        let quota = if fits {
            Quota::allowed(rate, left - cost)
        } else if cost > size || cost > storable {
            Quota::never(rate, left)
        } else {
            Quota::denied(rate, left, micros(queue.ticks_to(size - cost), rate))
        };
        let after = Queue::read(&state, arrival, size);
        let next = after.ticks_to(size.saturating_sub(quota.remaining()).saturating_sub(1));
        let times = (micros(next, rate), micros(ticks, rate));
        Step { quota: quota.with_limit(rate.limit().max(size)).with_times(times.0, times.1), state }
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        let size = self.units(arrival.rate);
        let capacity = backlog::capacity(size, arrival.rate);
        let [limit, period, capacity, scale] = backlog::in_large_ticks(arrival.rate, capacity)?;
        let arguments = [limit, period, capacity, scale, arrival.cost, size, joined(size)];
        super::Script::new(&LUA, arguments)
    }

    /// The refund is exact if the request is in the list, alone or in a shared entry. A request of cost 1
    /// that is not in the list is refunded as by a leaky bucket.
    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        let charged = [arrival.now.saturating_sub(elapsed), arrival.cost];
        let size = self.units(arrival.rate);
        let queue = Queue::read(state, arrival, size);
        let alone = queue.others.iter().rposition(|other| *other == charged);
        // An entry has the time of its first request.
        let with_others = || {
            let entry = queue.others.iter().rposition(|[at, _]| *at <= charged[0])?;
            (arrival.cost..=joined(size)).contains(&queue.others[entry][1]).then_some(entry)
        };
        let Some(at) = alone.or_else(with_others) else {
            let list = state.list().to_vec();
            return match arrival.cost {
                1 => backlog::refund(state, arrival, elapsed).with_list(list),
                _ => state.clone(),
            };
        };
        let (before, after) = (&queue.others[..at], &queue.others[at + 1..]);
        let ticks_of = |units: u64| u128::from(units) * u128::from(queue.period);
        let behind = after.iter().fold(0_u64, |units, [_, cost]| units.saturating_add(*cost));
        let [since, units] = queue.others[at];
        let rest = units - arrival.cost;
        // The first request in the queue may be partly processed.
        let left = queue.ticks.saturating_sub(ticks_of(behind)).min(ticks_of(units));
        let refunded = left.saturating_sub(ticks_of(rest));
        let entry: &[[u64; 2]] = if rest > 0 { &[[since, rest]] } else { &[] };
        let others: Vec<[u64; 2]> = [before, entry, after].concat();
        Queue { others: &others, ..queue }.store(arrival, queue.ticks - refunded, None, 0)
    }

    fn summary(&self) -> Summary {
        Summary::Backlog
    }

    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        summary::backlog(self, usages, arrival)
    }
}
