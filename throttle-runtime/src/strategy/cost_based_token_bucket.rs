//! A token bucket that refills more slowly if its requests cost more.

#[cfg(feature = "redis")]
use super::backlog::common_divisor;
use super::{Arrival, State, Step, Strategy, TokenBucket};
use crate::decision::Quota;
use crate::rate::Rate;

/// A [`TokenBucket`] that refills more slowly if a client's recent requests cost more on average. At an
/// average cost of 2 tokens, it refills half as fast, but never more slowly than
/// [`min_refill_rate`](Self::min_refill_rate).
///
/// The average covers the requests that were admitted since the bucket was last full. After
/// [`cost_window`](Self::cost_window) requests, each further one replaces an average request, so older
/// requests fade out. When the bucket is full, the average starts again.
///
/// - **Admits** a request if the bucket contains at least as many tokens as the request costs.
/// - **Worst burst** over any time t: burst + t × limit / period units, rounded down. Requests with greater
///   costs slow the refill down, and the burst is smaller accordingly.
/// - **State**: the time at which the bucket will be full again, exact to a fraction of a microsecond, and
///   the sum and the number of the recent costs. These take one word, or up to four words if the numbers are
///   large.
/// - **Wait**: until the missing tokens are refilled at the present speed, which can take longer than a
///   period. A cost above the burst never fits.
/// - **Remaining** is the number of whole tokens. [`next_after`](Quota::next_after) is when there is one more
///   token, and [`reset_after`](Quota::reset_after) is when the bucket is full.
///
/// The arithmetic uses integers only: the refill is in thousandths of the rate, rounded down, and the sum of
/// costs is in 256ths.
///
/// Use it where large requests do more harm than their cost expresses, to slow down clients that send them.
///
/// If the clock steps back, waits become longer by that step. After a step of more than twice the time in
/// which the bucket fills, the state is ignored.
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, CostBasedTokenBucket, State, Strategy}};
///
/// let (bucket, rate) = (CostBasedTokenBucket::new(), Rate::per_second(10));
/// let next = |cost| bucket.step(&State::EMPTY, &Arrival::new(rate, cost, 0)).quota.next_after().as_millis();
/// assert_eq!((next(1), next(2), next(10)), (100, 200, 200));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostBasedTokenBucket {
    bucket: TokenBucket,
    window: u64,
    /// In thousandths.
    min: u64,
}

impl CostBasedTokenBucket {
    /// Creates a bucket as large as the limit, which averages over 100 requests and refills at half of the
    /// rate or faster.
    pub const fn new() -> Self {
        Self { bucket: TokenBucket::new(), window: 100, min: 500 }
    }

    /// Sets how many tokens the bucket holds.
    ///
    /// ```
    /// use throttle::{Rate, strategy::{Arrival, CostBasedTokenBucket, State, Strategy}};
    ///
    /// let (bucket, rate) = (CostBasedTokenBucket::new().burst(25), Rate::per_minute(10));
    /// assert_eq!(bucket.step(&State::EMPTY, &Arrival::new(rate, 0, 0)).quota.remaining(), 25);
    /// ```
    ///
    /// # Default
    ///
    /// The limit.
    ///
    /// # Panics
    ///
    /// If `tokens` is 0. In a constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn burst(mut self, tokens: u64) -> Self {
        self.bucket = self.bucket.burst(tokens);
        self
    }

    /// Sets how many requests the average covers: 1 to 1000.
    ///
    /// ```
    /// use throttle::strategy::CostBasedTokenBucket;
    ///
    /// // The refill follows a change of the costs within about 10 requests.
    /// const QUICK: CostBasedTokenBucket = CostBasedTokenBucket::new().cost_window(10);
    /// ```
    ///
    /// # Default
    ///
    /// 100.
    ///
    /// # Panics
    ///
    /// If it is 0 or above 1000. In a constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn cost_window(mut self, requests: u16) -> Self {
        assert!(0 < requests && requests <= 1_000, "an average is over 1 to 1000 requests");
        self.window = requests as u64;
        self
    }

    /// Sets the minimum speed of the refill, in percent of the rate: 1 to 100.
    ///
    /// ```
    /// use throttle::{Rate, strategy::{Arrival, CostBasedTokenBucket, State, Strategy}};
    ///
    /// let (bucket, rate) = (CostBasedTokenBucket::new().min_refill_rate(20), Rate::per_second(10));
    /// let step = bucket.step(&State::EMPTY, &Arrival::new(rate, 10, 0));
    /// assert_eq!(step.quota.next_after().as_millis(), 500);
    /// ```
    ///
    /// # Default
    ///
    /// 50.
    ///
    /// # Panics
    ///
    /// If it is 0 or above 100. In a constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn min_refill_rate(mut self, percent: u8) -> Self {
        assert!(0 < percent && percent <= 100, "a refill is between 1 and 100 percent of the rate");
        self.min = percent as u64 * 10;
        self
    }

    /// Returns how many ticks drain per microsecond. A tick is 1/(1000 × limit) microsecond, and a token
    /// takes 1000 × period ticks, so that a refill in thousandths is a whole number.
    fn drain(self, costs: Costs, rate: Rate) -> u128 {
        let whole = u128::from(costs.count) * u128::from(SCALE * 1_000);
        let share = if costs.sum == 0 { 1_000 } else { divide(whole, costs.sum.into()).0 };
        u128::from(rate.limit()) * share.clamp(self.min.into(), 1_000)
    }

    /// Returns the costs including one more request.
    const fn with(self, costs: Costs, cost: u64) -> Costs {
        let cost = cost.saturating_mul(SCALE);
        if costs.count < self.window {
            Costs { sum: costs.sum.saturating_add(cost), count: costs.count + 1 }
        } else {
            let sum = costs.sum - costs.sum / self.window;
            Costs { sum: sum.saturating_add(cost), count: self.window }
        }
    }

    /// Returns the tokens that are missing now, in ticks, and the recent costs.
    fn read(self, state: &State, arrival: &Arrival) -> Option<(u128, Costs)> {
        let (ticks, costs) = unpack(state, self.window);
        let drain = self.drain(costs, arrival.rate);
        let ahead = state.until().checked_sub(arrival.now)?.checked_sub(1)?;
        // The ticks were stored for the limit at that time. A lower limit has fewer ticks.
        let missing = u128::from(ahead).saturating_mul(drain).saturating_add(ticks.min(drain - 1) + 1);
        // A time further in the future than a stepped clock explains makes the state invalid, so it is
        // ignored.
        (missing / 2 <= capacity(self.bucket.size(arrival.rate), arrival.rate)).then_some((missing, costs))
    }

    fn store(self, missing: u128, costs: Costs, arrival: &Arrival) -> State {
        let Some(rest) = missing.checked_sub(1) else { return State::EMPTY };
        let drain = self.drain(costs, arrival.rate);
        let (ahead, ticks) = divide(rest, drain);
        let ahead = u64::try_from(ahead).unwrap_or(u64::MAX);
        pack(arrival.now.saturating_add(ahead).saturating_add(1), ticks, costs)
    }
}

impl Default for CostBasedTokenBucket {
    fn default() -> Self {
        Self::new()
    }
}

/// The costs of recent requests.
#[derive(Clone, Copy)]
struct Costs {
    /// In 256ths.
    sum: u64,
    count: u64,
}

const SCALE: u64 = 256;

/// The number of bits that the sum and the number of costs have in a word. The ticks have the remaining bits.
const SUM: u32 = 26;
const COUNT: u32 = 10;

/// Returns the quotient and the remainder. Nearly all numbers fit into 64 bits, where a division is several
/// times faster.
fn divide(ticks: u128, by: u128) -> (u128, u128) {
    match (u64::try_from(ticks), u64::try_from(by)) {
        (Ok(ticks), Ok(by)) => (u128::from(ticks / by), u128::from(ticks % by)),
        _ => (ticks / by, ticks % by),
    }
}

/// Converts tokens to ticks.
fn capacity(tokens: u64, rate: Rate) -> u128 {
    (u128::from(rate.period_micros()) * 1_000).saturating_mul(u128::from(tokens))
}

fn unpack(state: &State, window: u64) -> (u128, Costs) {
    let word = state.word();
    let (ticks, sum, count) = match *state.list() {
        [ticks, sum, count] => (ticks.into(), sum, count),
        [ticks, sum, count, high] => (u128::from(high) << u64::BITS | u128::from(ticks), sum, count),
        _ => ((word >> (SUM + COUNT)).into(), word >> COUNT & ((1 << SUM) - 1), word & ((1 << COUNT) - 1)),
    };
    (ticks, Costs { sum, count: count.min(window) })
}

/// The ticks are in the high bits, so that the greater state has used more.
fn pack(until: u64, ticks: u128, Costs { sum, count }: Costs) -> State {
    const TICKS: u32 = u64::BITS - SUM - COUNT;
    #[expect(clippy::cast_possible_truncation, reason = "the high half is stored by itself")]
    let (high, low) = ((ticks >> u64::BITS) as u64, ticks as u64);
    if ticks >> TICKS == 0 && sum >> SUM == 0 {
        State::new(until, low << (SUM + COUNT) | sum << COUNT | count)
    } else if high == 0 {
        State::new(until, u64::MAX).with_list(vec![low, sum, count])
    } else {
        // A limit above 2^54 has more ticks per microsecond than 64 bits can hold.
        State::new(until, u64::MAX).with_list(vec![low, sum, count, high])
    }
}

#[cfg(feature = "redis")]
pub(super) static LUA: super::Lua = super::Lua(include_str!("cost_based_token_bucket.lua"));

impl Strategy for CostBasedTokenBucket {
    fn name(&self) -> &'static str {
        "cost-based-token-bucket"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let Arrival { rate, cost, .. } = *arrival;
        let none = (0, Costs { sum: 0, count: 0 });
        let (before, costs) = self.read(state, arrival).unwrap_or(none);
        let (token, capacity) = (capacity(1, rate), capacity(self.bucket.size(rate), rate));
        let after = before.saturating_add(token.saturating_mul(u128::from(cost)));
        let charged = if cost > 0 { self.with(costs, cost) } else { costs };
        // A bucket that is full only after the end of 64-bit time cannot be stored. Waiting does not change
        // that.
        let storable = |costs| self.drain(costs, rate).saturating_mul(u128::from(u64::MAX - arrival.now));
        let fits = after <= capacity.min(storable(charged)) || cost == 0;
        let (missing, costs) = if fits { (after, charged) } else { (before, costs) };
        let drain = self.drain(costs, rate);
        let micros = |ticks: u128| {
            let (micros, rest) = divide(ticks, drain);
            u64::try_from(micros + u128::from(rest > 0)).unwrap_or(u64::MAX - 1)
        };
        let remaining = divide(capacity.min(storable(costs)).saturating_sub(missing), token).0;
        let remaining = u64::try_from(remaining).unwrap_or(u64::MAX);
        let quota = if fits {
            Quota::allowed(rate, remaining)
        } else if cost > self.bucket.size(rate) || after > storable(charged) {
            Quota::never(rate, remaining)
        } else {
            Quota::denied(rate, remaining, micros(after - capacity))
        };
        let one_more = token.saturating_mul(u128::from(remaining) + 1);
        let next = missing.saturating_sub(capacity.saturating_sub(one_more)).min(missing);
        let quota = quota.with_limit(rate.limit().max(self.bucket.size(rate)));
        Step {
            quota: quota.with_times(micros(next), micros(missing)),
            state: self.store(missing, costs, arrival),
        }
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        let Arrival { rate, cost, .. } = *arrival;
        let (token, capacity) = (capacity(1, rate), capacity(self.bucket.size(rate), rate));
        let scale = common_divisor(rate.limit(), u64::try_from(token).ok()?);
        let in_scale = |ticks: u128| u64::try_from(ticks / u128::from(scale)).ok();
        let (limit, token, capacity) = (rate.limit() / scale, in_scale(token)?, in_scale(capacity)?);
        let arguments = [limit, token, capacity, scale, cost, self.window, self.min];
        // Per microsecond, a thousand times the limit drains.
        let script = super::Script::new(&LUA, arguments);
        Some(script.filter(|_| rate.limit() < super::lua::MOST / 1_000)?.passing())
    }

    /// Refunds as if the tokens had been refilled at the whole rate since the charge. The request stays in
    /// the average.
    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        let Some((missing, costs)) = self.read(state, arrival) else { return state.clone() };
        let charged = capacity(arrival.cost, arrival.rate);
        let refilled = u128::from(elapsed).saturating_mul(u128::from(arrival.rate.limit()) * 1_000);
        let missing = missing.saturating_sub(charged.saturating_sub(refilled));
        self.store(missing, costs, arrival)
    }
}
