//! A cache of time zones, which are looked up once.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;

use super::calendar_window::{Unit, Window, micros, timestamp};
use crate::rate::{DAY, HOUR, SECOND};

/// A time zone by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Zone(pub(super) &'static str);

/// A span of time between two changes of a zone's UTC offset. All fields are in microseconds.
#[derive(Clone, Copy)]
pub(super) struct Span {
    from: u64,
    to: u64,
    /// The offset that is added to UTC to get local time, modulo whole days.
    shift: u64,
}

/// A time zone that was looked up.
struct Known {
    name: &'static str,
    zone: TimeZone,
    /// The span of the latest request. The next request is nearly always in the same span.
    latest: ArcSwap<Span>,
    /// The windows of the latest requests, one for each calendar unit.
    windows: [ArcSwap<Window>; Unit::ALL],
}

/// The time zones that the program uses. A strategy is a constant, so it cannot store its own zone.
static KNOWN: ArcSwapOption<Vec<&'static Known>> = ArcSwapOption::const_empty();

impl Zone {
    pub(super) fn problem(self) -> Option<String> {
        let name = self.0;
        let problem =
            || format!("the time zone `{name}` does not exist: write one such as \"Europe/Berlin\"");
        self.known().is_none().then(problem)
    }

    /// Returns the window of a calendar that contains `at`.
    pub(super) fn window(self, unit: Unit, at: u64) -> Option<Window> {
        let known = self.known()?;
        let latest = &known.windows[unit as usize];
        let found = **latest.load();
        if found.contains(at) {
            return Some(found);
        }
        let window = Window::find(&known.zone, unit, at)?;
        latest.store(Arc::new(window));
        Some(window)
    }

    /// Returns the span that contains `now`, and caches it.
    pub(super) fn span(self, now: u64) -> Option<Span> {
        let known = self.known()?;
        let latest = **known.latest.load();
        if (latest.from..latest.to).contains(&now) {
            return Some(latest);
        }
        let span = Span::find(&known.zone, now);
        known.latest.store(Arc::new(span));
        Some(span)
    }

    /// Returns the span of a future time, without caching it.
    pub(super) fn later_span(self, at: u64) -> Option<Span> {
        self.known().map(|known| Span::find(&known.zone, at))
    }

    fn known(self) -> Option<&'static Known> {
        let find = |known: &[&'static Known]| known.iter().find(|known| known.name == self.0).copied();
        KNOWN.load().as_deref().and_then(|known| find(known)).or_else(|| self.look_up())
    }

    /// A program uses few zones, and strategies are constants, so a zone that was found is kept forever.
    fn look_up(self) -> Option<&'static Known> {
        let zone = DateTimeParser::new().parse_time_zone(self.0).ok()?;
        let latest = ArcSwap::from_pointee(Span::find(&zone, 0));
        let windows = std::array::from_fn(|_| ArcSwap::from_pointee(Window::NONE));
        let found: &Known = Box::leak(Box::new(Known { name: self.0, zone, latest, windows }));
        KNOWN.rcu(|known| {
            let others = known.iter().flat_map(|known| known.iter().copied());
            Some(Arc::new(others.chain([found]).collect::<Vec<_>>()))
        });
        Some(found)
    }
}

impl Span {
    fn find(zone: &TimeZone, at: u64) -> Self {
        // A change at exactly this microsecond counts as past.
        let before = zone.preceding(timestamp(at.saturating_add(1))).next();
        let after = zone.following(timestamp(at)).next();
        let seconds = i64::from(zone.to_offset(timestamp(at)).seconds());
        let days = i64::try_from(DAY / SECOND).unwrap_or(i64::MAX);
        Self {
            from: before.map_or(0, |change| micros(change.timestamp())),
            to: after.map_or(u64::MAX, |change| micros(change.timestamp())),
            shift: seconds.rem_euclid(days).unsigned_abs() * SECOND,
        }
    }

    /// Returns the local hour, 0 to 23.
    pub(super) const fn hour(self, at: u64) -> usize {
        (self.local(at) / HOUR) as usize
    }

    /// Returns when the next local hour begins, or when the UTC offset changes, whichever is earlier.
    pub(super) fn next_change(self, at: u64) -> u64 {
        at.saturating_add(HOUR - self.local(at) % HOUR).min(self.to)
    }

    pub(super) const fn contains(self, at: u64) -> bool {
        self.from <= at && at < self.to
    }

    /// Returns the time since local midnight.
    const fn local(self, at: u64) -> u64 {
        (at % DAY + self.shift) % DAY
    }
}
