//! Windows that follow a calendar.

use super::calendar_window::{Unit, Window};
use super::zone::Zone;
use super::{Arrival, State, Step, Strategy, Summary, Usage, aligned_window, summary};
use crate::decision::Quota;
use crate::rate::{DAY, Rate};

/// Admits the limit in every day, week, month or year of a time zone, as contracts state it: `10000/30days`
/// is ten thousand from the first to the last day of a month, whatever its length.
///
/// The period of a limit determines its window:
///
/// | period | window |
/// |---|---|
/// | `day`, `24h` | from midnight to midnight, also on days of 23 or 25 hours |
/// | `week`, `7days` | from Monday to Sunday, as in ISO 8601 |
/// | `30days` | a month |
/// | `365days` | a year |
/// | shorter than a day | aligned to the clock, as by [`FixedWindow`](super::FixedWindow) |
///
/// Other periods are not in any calendar, and are a [misfit](Strategy::misfit) that the registry reports at
/// startup. If a function returns such a rate, its windows are those of `FixedWindow`.
///
/// - **Admits** up to the limit per window, with any costs.
/// - **Worst burst**: twice the limit within any period, around the border of two windows. It is three times the
///   limit around a window that is shorter than the period: February, or the day or week in which clocks are put
///   forward.
/// - **State**: the end of the window, and the units used in it.
/// - **Wait**: until the end of the window. A cost above the limit never fits.
/// - **Remaining** is the unused part of the limit in this window. [`next_after`](Quota::next_after) and
///   [`reset_after`](Quota::reset_after) are both the end of the window. Headers contain the configured
///   period, because the length of months differs.
///
/// Time zones are looked up as by [`TimeOfDay`](super::TimeOfDay). If the clock steps back into the previous
/// window, the usage counts until the end of the window that had already begun. After a longer step, the
/// state is ignored.
///
/// Use it for quotas that appear in bills and contracts.
///
/// ```
/// use throttle::{strategy::Calendar, throttle};
///
/// #[throttle(rate = "500/day; 10000/30days", strategy = Calendar::in_zone("Europe/Berlin"))]
/// async fn export() -> &'static str { "ok" }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(export));
/// ```
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, Calendar, State, Strategy}};
///
/// // February 1970 begins after 31 days, less the hour that Berlin is ahead.
/// let rate: Rate = "10/30days".parse()?;
/// let step = Calendar::in_zone("Europe/Berlin").step(&State::EMPTY, &Arrival::new(rate, 10, 0));
/// assert_eq!(step.quota.reset_after().as_secs(), 31 * 86_400 - 3_600);
/// # Ok::<(), throttle::RateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(docsrs, doc(cfg(feature = "time-zones")))]
pub struct Calendar {
    zone: Zone,
}

#[cfg(feature = "redis")]
pub(super) static LUA: super::Lua = super::Lua(include_str!("calendar.lua"));

/// The maximum difference between the clock of a server and the local clock at which a script still covers
/// the right windows.
#[cfg(feature = "redis")]
const APART: u64 = crate::rate::HOUR;

impl Calendar {
    /// Creates the calendar of a time zone: a name of the IANA database, such as `Europe/Berlin` or `UTC`, or
    /// an offset, such as `+02:00`.
    ///
    /// A time zone that does not exist is reported by the registry at startup.
    pub const fn in_zone(name: &'static str) -> Self {
        Self { zone: Zone(name) }
    }

    fn window(self, rate: Rate, at: u64) -> Option<Window> {
        self.zone.window(Unit::of(rate.period_micros())?, at)
    }

    /// Returns when the window in effect ends, and the units used in it.
    fn current(self, state: &State, window: Window, rate: Rate, now: u64) -> (u64, u64) {
        let (until, used) = (state.until(), state.word());
        // Usage from before a step back of the clock belongs to the next window.
        let is_next = || self.window(rate, window.end).is_some_and(|next| until <= next.end);
        if until > now && (until <= window.end || is_next()) { (until, used) } else { (window.end, 0) }
    }
}

impl Strategy for Calendar {
    fn name(&self) -> &'static str {
        "calendar"
    }

    fn problem(&self) -> Option<String> {
        self.zone.problem()
    }

    fn misfit(&self, rate: Rate) -> Option<String> {
        let period = rate.period_micros();
        let is_none = period >= DAY && Unit::of(period).is_none();
        is_none.then(|| {
            format!(
                "the period of {rate} is not a calendar period: write `day`, `week`, `30days` for a month, or `365days` for a year"
            )
        })
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let Arrival { rate, cost, now, .. } = *arrival;
        let limit = rate.limit();
        let Some(window) = self.window(rate, now) else { return aligned_window::step(state, arrival, limit) };
        let (end, used) = self.current(state, window, rate, now);
        let (rest, left) = (end - now, limit.saturating_sub(used));
        let quota = match left.checked_sub(cost) {
            Some(left) => Quota::allowed(rate, left),
            None if cost > limit => Quota::never(rate, left),
            None => Quota::denied(rate, left, rest),
        };
        Step { quota: quota.with_times(rest, rest), state: State::new(end, used.saturating_add(cost)) }
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        let Arrival { rate, cost, now, .. } = *arrival;
        if Unit::of(rate.period_micros()).is_none() {
            return aligned_window::script(arrival, rate.limit());
        }
        let first = self.window(rate, now.saturating_sub(APART))?;
        let second = self.window(rate, first.end)?;
        let third = self.window(rate, second.end)?;
        let borders = [first.start, first.end, second.end, third.end].map(|border| border / 1_000);
        super::Script::new(&LUA, [rate.limit(), cost, borders[0], borders[1], borders[2], borders[3]])
    }

    /// Refunds only into the window of the charge, because the charge did not change any other window.
    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        let charged = arrival.now.saturating_sub(elapsed);
        match self.window(arrival.rate, charged) {
            Some(window) if window.end == state.until() => {
                State::new(state.until(), state.word().saturating_sub(arrival.cost))
            }
            Some(_) => state.clone(),
            None => aligned_window::refund(state, arrival, elapsed),
        }
    }

    fn summary(&self) -> Summary {
        Summary::Window
    }

    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        summary::window(self, usages, arrival)
    }
}
