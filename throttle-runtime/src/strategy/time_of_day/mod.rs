//! Windows aligned to the clock, with a limit for each hour of the day.

#[cfg(feature = "redis")]
use smallvec::SmallVec;

use super::zone::{Span, Zone};
use super::{Arrival, Multiplier, State, Step, Strategy, Summary, Usage, aligned_window, summary};
use crate::decision::Quota;
#[cfg(feature = "redis")]
use crate::rate::HOUR;

/// A [`FixedWindow`](super::FixedWindow) whose limit depends on the local time, for example twice the limit
/// at night, when there is little other traffic.
///
/// - **Admits** up to the limit of the hour per aligned window, with any costs. The hour is that of the
///   request. If the limit changes within a window, the usage stays counted, and the new limit applies. An
///   hour for which no window is set has the limit itself.
/// - **Worst burst**: twice the greatest limit within any period, around the border of two windows.
/// - **State**: the end of the window, and the units used in it.
/// - **Wait**: until the end of the window, or until an hour whose limit allows the request, whichever comes
///   first. The wait is exact, also across changes of daylight saving time. A cost above the greatest limit
///   never fits.
/// - **Remaining** is what is left now. [`next_after`](Quota::next_after) is when there is more, because of a
///   new window or a greater limit. [`reset_after`](Quota::reset_after) is the end of the window.
///
/// Windows are those of the rate, and are aligned to UTC like all windows: a `100/day` begins at 0:00 UTC in
/// every time zone. Only the hours are local.
///
/// Zones are looked up once, when the registry is built. A zone that does not exist is rejected at startup.
/// The rules of a zone come from the machine, if it has any (`/usr/share/zoneinfo`, which system updates keep
/// current). Otherwise, they come from data that is compiled into the program, so that container images
/// without zone data also work. A new version of either is read at the next startup.
///
/// Use it where the service has more capacity at some hours than at others.
///
/// ```
/// use throttle::{strategy::TimeOfDay, throttle};
///
/// #[throttle(rate = "100/min", strategy = TimeOfDay::office_hours("America/New_York"))]
/// async fn reports() -> &'static str { "ok" }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(reports));
/// ```
///
/// If the clock steps back, it behaves like `FixedWindow`.
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, State, Strategy, TimeOfDay, Multiplier}};
///
/// const NIGHTS: TimeOfDay = TimeOfDay::in_zone("Europe/Berlin").window(22, 6, Multiplier::new(3));
/// let left = |hour: u64| {
///     let arrival = Arrival::new(Rate::per_minute(10), 0, hour * 3_600_000_000);
///     NIGHTS.step(&State::EMPTY, &arrival).quota.remaining()
/// };
/// // In January 1970 Berlin is an hour ahead of UTC.
/// assert_eq!((left(20), left(21), left(28), left(29)), (10, 30, 30, 10));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(docsrs, doc(cfg(feature = "time-zones")))]
pub struct TimeOfDay {
    zone: Zone,
    hours: [Multiplier; 24],
    /// The greatest multiple of all hours.
    most: Multiplier,
    /// The hours for which a window is set, one bit each.
    declared: u32,
}

impl TimeOfDay {
    /// Creates a strategy with the limit itself at all hours of a time zone. [`window`](Self::window) sets
    /// other limits.
    ///
    /// A time zone is a name of the IANA database, such as `Europe/Berlin` or `UTC`, or an offset, such as
    /// `+02:00`. A time zone that does not exist is reported by the registry at startup.
    pub const fn in_zone(name: &'static str) -> Self {
        Self { zone: Zone(name), hours: [Multiplier::ONE; 24], most: Multiplier::ONE, declared: 0 }
    }

    /// Creates a strategy with twice the limit from 0 to 8, the limit itself from 8 to 17, and one and a half
    /// times the limit until midnight.
    pub const fn office_hours(zone: &'static str) -> Self {
        Self::in_zone(zone).window(0, 8, Multiplier::new(2)).window(8, 17, Multiplier::ONE).window(
            17,
            24,
            Multiplier::ratio(3, 2),
        )
    }

    /// Sets a multiple of the limit for the hours from `from` until just before `to`, which may be on the
    /// next day. An hour is 0 to 23, or 24 for midnight as the end.
    ///
    /// # Panics
    ///
    /// If an hour is greater, if both are the same, or if another window contains one of the hours. In a
    /// constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn window(mut self, from: u8, to: u8, times: Multiplier) -> Self {
        assert!(from < 24 && to <= 24, "an hour is 0 to 23, or 24 for the end of the day");
        assert!(from != to, "a window ends at another hour than it begins");
        let mut hour = from as usize;
        loop {
            assert!(self.declared & 1 << hour == 0, "there is a window with one of these hours already");
            self.declared |= 1 << hour;
            self.hours[hour] = times;
            hour = (hour + 1) % 24;
            if hour == to as usize % 24 {
                break;
            }
        }
        self.most = Multiplier::greatest(&self.hours);
        self
    }

    /// Returns the limit at a given time. For a zone that does not exist, the least limit applies.
    fn limit(&self, span: Option<Span>, at: u64, limit: u64) -> u64 {
        match span {
            Some(span) => self.hours[span.hour(at)].of_limit(limit),
            None => self.hours.iter().map(|times| times.of_limit(limit)).min().unwrap_or(limit),
        }
    }

    /// Returns the span that contains `at`, which is not before `span`.
    fn later(&self, span: Option<Span>, at: u64) -> Option<Span> {
        span.filter(|span| span.contains(at)).or_else(|| self.zone.later_span(at))
    }

    /// Returns the first time, from `at` on and before `end`, at which the limit is at least `wanted`.
    fn first(
        &self,
        mut span: Option<Span>,
        (mut at, end): (u64, u64),
        wanted: u64,
        limit: u64,
    ) -> Option<u64> {
        // Three days contain every hour at least once, even one that is skipped when clocks go forward.
        for _ in 0..HOPS {
            if at >= end {
                break;
            }
            if self.limit(span, at, limit) >= wanted {
                return Some(at);
            }
            at = span?.next_change(at);
            span = self.later(span, at);
        }
        None
    }
}

/// How many changes of the limit a script contains: enough for clocks that differ by an hour.
#[cfg(feature = "redis")]
const SENT: usize = 4;

/// An upper bound for the changes of the hour or of the UTC offset within three days.
const HOPS: u32 = 80;

#[cfg(feature = "redis")]
pub(super) static LUA: super::Lua =
    super::Lua(concat!(include_str!("limit.lua"), include_str!("../fixed_window.lua")));

impl Strategy for TimeOfDay {
    fn name(&self) -> &'static str {
        "time-of-day"
    }

    fn problem(&self) -> Option<String> {
        self.zone.problem()
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let Arrival { rate, cost, now, .. } = *arrival;
        let (rest, used) = aligned_window::window(state, arrival);
        let end = now.saturating_add(rest);
        let (span, limit) = (self.zone.span(now), rate.limit());
        let applies = self.limit(span, now, limit);
        let left = applies.saturating_sub(used);
        let most = self.most.of_limit(limit);
        // Returns the time until `units` more units fit on top of `used` units, in this window or a later
        // one.
        let until = |used: u64, units: u64| {
            let wanted = used.checked_add(units).filter(|wanted| *wanted <= most);
            let here = || self.first(span, (now, end), wanted?, limit);
            let then = || self.first(self.later(span, end), (end, u64::MAX), units, limit);
            (units <= most).then(|| here().or_else(then)).flatten().map(|at| at - now)
        };
        let (quota, used) = match left.checked_sub(cost) {
            Some(left) => (Quota::allowed(rate, left), used.saturating_add(cost)),
            None => match until(used, cost) {
                Some(wait) => (Quota::denied(rate, left, wait), used),
                None => (Quota::never(rate, left), used),
            },
        };
        let next = until(used, quota.remaining().saturating_add(1)).unwrap_or(rest);
        Step { quota: quota.with_limit(applies).with_times(next, rest), state: State::new(end, used) }
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        let Arrival { rate, cost, now, .. } = *arrival;
        let mut at = now.saturating_sub(HOUR);
        let mut span = self.later(self.zone.span(now), at);
        let mut arguments: SmallVec<[u64; 8]> = SmallVec::new();
        arguments.extend([rate.period_micros(), cost, at.div_ceil(1_000)]);
        for _ in 0..SENT {
            let next = span?.next_change(at);
            arguments.extend([next / 1_000, self.limit(span, at, rate.limit())]);
            (at, span) = (next, self.later(span, next));
        }
        super::Script::with(&LUA, arguments)
    }

    /// Refunds only into the window of the charge, because the charge did not change any other window.
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
