//! Time zones, looked up once and remembered.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;

use super::calendar::{Unit, Window};
use crate::rate::{DAY, HOUR, SECOND};

/// A time zone by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Zone(pub(super) &'static str);

/// A time in which nobody puts the clock forward or back. All in microseconds.
#[derive(Clone, Copy)]
pub(super) struct Span {
    from: u64,
    to: u64,
    /// What added to UTC makes local time, in whole days more or less.
    shift: u64,
}

/// A zone that was looked up.
struct Known {
    name: &'static str,
    zone: TimeZone,
    /// The span of the latest request: the next is nearly always in it, too.
    latest: ArcSwap<Span>,
    /// The same for the windows of a calendar.
    windows: [ArcSwap<Window>; Unit::ALL],
}

/// Those that the program uses. A strategy is a constant, so it cannot keep its own.
static KNOWN: ArcSwapOption<Vec<&'static Known>> = ArcSwapOption::const_empty();

impl Zone {
    pub(super) fn problem(self) -> Option<String> {
        let name = self.0;
        let problem = || format!("there is no time zone `{name}`: write one such as \"Europe/Berlin\"");
        self.known().is_none().then(problem)
    }

    /// The window of a calendar that a time is in.
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

    /// The span of a time that is now.
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

    /// The span of a time that is to come.
    pub(super) fn later_span(self, at: u64) -> Option<Span> {
        self.known().map(|known| Span::find(&known.zone, at))
    }

    fn known(self) -> Option<&'static Known> {
        let find = |known: &[&'static Known]| known.iter().find(|known| known.name == self.0).copied();
        KNOWN.load().as_deref().and_then(|known| find(known)).or_else(|| self.look_up())
    }

    /// There are not many zones, and strategies are part of the program, so what is found is kept for good.
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

pub(super) fn timestamp(micros: u64) -> Timestamp {
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

pub(super) fn micros(at: Timestamp) -> u64 {
    u64::try_from(at.as_microsecond()).unwrap_or(0)
}

impl Span {
    fn find(zone: &TimeZone, at: u64) -> Self {
        // That of this very microsecond, if there is one, is over.
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

    /// The hour that clocks on the wall show, 0 to 23.
    pub(super) const fn hour(self, at: u64) -> usize {
        (self.local(at) / HOUR) as usize
    }

    /// When the next hour begins on the wall, or somebody puts the clock forward or back.
    pub(super) fn next_change(self, at: u64) -> u64 {
        at.saturating_add(HOUR - self.local(at) % HOUR).min(self.to)
    }

    pub(super) const fn contains(self, at: u64) -> bool {
        self.from <= at && at < self.to
    }

    /// The time since local midnight.
    const fn local(self, at: u64) -> u64 {
        (at % DAY + self.shift) % DAY
    }
}
