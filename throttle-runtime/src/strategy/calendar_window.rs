//! Days, weeks, months and years of a time zone.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::rate::DAY;

const WEEK: u64 = 7 * DAY;
const MONTH: u64 = 30 * DAY;
const YEAR: u64 = 365 * DAY;

/// A unit of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    /// The number of units.
    pub(super) const ALL: usize = 4;

    /// Returns the unit that a period in microseconds stands for.
    pub(super) const fn of(period: u64) -> Option<Self> {
        match period {
            DAY => Some(Self::Day),
            WEEK => Some(Self::Week),
            MONTH => Some(Self::Month),
            YEAR => Some(Self::Year),
            _ => None,
        }
    }

    fn begin(self, date: Date) -> Option<Date> {
        match self {
            Self::Day => Some(date),
            Self::Week => date.checked_sub(i64::from(date.weekday().to_monday_zero_offset()).days()).ok(),
            Self::Month => Some(date.first_of_month()),
            Self::Year => Some(date.first_of_year()),
        }
    }

    fn next(self, begin: Date) -> Option<Date> {
        let one = match self {
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
            Self::Year => 1.year(),
        };
        begin.checked_add(one).ok()
    }
}

/// A window, from `start` until just before `end`, in microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Window {
    pub(super) const NONE: Self = Self { start: 0, end: 0 };

    /// Returns the window that contains `at`, or `None` after the end of the calendar, the year 9999.
    pub(super) fn find(zone: &TimeZone, unit: Unit, at: u64) -> Option<Self> {
        let begin = unit.begin(zone.to_datetime(timestamp(at)).date())?;
        // If clocks are put forward at midnight, the day begins right after that change.
        let midnight =
            |date: Date| date.to_zoned_datetime(zone.clone()).ok().map(|it| micros(it.timestamp()));
        let found = Self { start: midnight(begin)?, end: midnight(unit.next(begin)?)? };
        Some(found).filter(|window| window.contains(at))
    }

    pub(super) const fn contains(self, at: u64) -> bool {
        self.start <= at && at < self.end
    }
}

pub(super) fn timestamp(micros: u64) -> Timestamp {
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

pub(super) fn micros(at: Timestamp) -> u64 {
    u64::try_from(at.as_microsecond()).unwrap_or(0)
}
