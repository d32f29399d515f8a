//! Rates: a number of units per period, and the grammar in which rates are written.

mod grammar;
mod rates;
#[cfg(feature = "serde")]
mod serde;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use rates::Rates;

pub(crate) const MILLISECOND: u64 = 1_000;
pub(crate) const SECOND: u64 = 1_000 * MILLISECOND;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;
pub(crate) const WEEK: u64 = 7 * DAY;

/// [`Rate::MAX_PERIOD`] in microseconds. The message of [`RateError::LongPeriod`] contains it in words.
pub(crate) const MAX_PERIOD: u64 = 36_500 * DAY;

/// A limit of a number of units per period, such as 100 per minute.
///
/// The unit is one request of cost 1. The [strategy](crate::strategy) defines what "per period" means: an
/// aligned window, a sliding window, or a refill rate.
///
/// # Grammar
///
/// A rate is `<limit>/<period>` or `<limit> per <period>`. The limit is a whole number above 0. The period is
/// a unit, with an optional whole number before it. Blanks around the parts and the case of the letters do
/// not matter. The longest period is [`Rate::MAX_PERIOD`].
///
/// | unit | spellings |
/// |---|---|
/// | millisecond | `ms` `millisecond` `milliseconds` |
/// | second | `s` `sec` `secs` `second` `seconds` |
/// | minute | `m` `min` `mins` `minute` `minutes` |
/// | hour | `h` `hr` `hrs` `hour` `hours` |
/// | day (24 h) | `d` `day` `days` |
/// | week (7 days) | `w` `week` `weeks` |
///
/// The word `unlimited` is [`Rate::UNLIMITED`]. With the feature `serde` enabled, rates are serialized as these
/// texts.
///
/// ```
/// use std::time::Duration;
/// use throttle::Rate;
///
/// let rate: Rate = "10/30 seconds".parse()?;
/// assert_eq!(rate, Rate::new(10, Duration::from_secs(30))?);
/// assert_eq!(rate.to_string(), "10/30s");
/// assert_eq!("100 per min".parse::<Rate>()?, Rate::per_minute(100));
/// # Ok::<(), throttle::RateError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    limit: u64,
    /// Microseconds. 0 only in [`Rate::UNLIMITED`].
    period: u64,
}

impl Rate {
    /// No limit: every request is admitted, nothing is counted, and no backend is called. Written
    /// `unlimited`.
    pub const UNLIMITED: Self = Self { limit: u64::MAX, period: 0 };

    /// The longest period: 36500 days, which is about 100 years.
    ///
    /// Strategies compute many periods ahead in 64 bits of microseconds. Up to this period, their arithmetic
    /// is exact.
    pub const MAX_PERIOD: Duration = Duration::from_micros(MAX_PERIOD);

    /// Creates a rate of `limit` units per `period`. The period must be a whole number of milliseconds.
    ///
    /// # Errors
    ///
    /// If `limit` is 0, or `period` is 0, not whole milliseconds or longer than
    /// [`MAX_PERIOD`](Self::MAX_PERIOD).
    pub const fn new(limit: u64, period: Duration) -> Result<Self, RateError> {
        let micros = period.as_micros();
        if limit == 0 {
            Err(RateError::ZeroLimit)
        } else if micros == 0 {
            Err(RateError::ZeroPeriod)
        } else if micros > MAX_PERIOD as u128 {
            Err(RateError::LongPeriod)
        } else if !micros.is_multiple_of(MILLISECOND as u128) {
            Err(RateError::FinePeriod)
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "checked in the line above")]
            Ok(Self { limit, period: micros as u64 })
        }
    }

    /// Creates a rate of `limit` units per second.
    ///
    /// # Panics
    ///
    /// If `limit` is 0. In a constant, this is a compile error. For a limit that is only known at run time,
    /// use [`Rate::new`].
    #[track_caller]
    pub const fn per_second(limit: u64) -> Self {
        Self::per(limit, SECOND)
    }

    /// Creates a rate of `limit` units per minute.
    ///
    /// # Panics
    ///
    /// If `limit` is 0. In a constant, this is a compile error. For a limit that is only known at run time,
    /// use [`Rate::new`].
    #[track_caller]
    pub const fn per_minute(limit: u64) -> Self {
        Self::per(limit, MINUTE)
    }

    /// Creates a rate of `limit` units per hour.
    ///
    /// # Panics
    ///
    /// If `limit` is 0. In a constant, this is a compile error. For a limit that is only known at run time,
    /// use [`Rate::new`].
    #[track_caller]
    pub const fn per_hour(limit: u64) -> Self {
        Self::per(limit, HOUR)
    }

    /// Creates a rate of `limit` units per 24 hours.
    ///
    /// # Panics
    ///
    /// If `limit` is 0. In a constant, this is a compile error. For a limit that is only known at run time,
    /// use [`Rate::new`].
    #[track_caller]
    pub const fn per_day(limit: u64) -> Self {
        Self::per(limit, DAY)
    }

    #[track_caller]
    const fn per(limit: u64, period: u64) -> Self {
        assert!(limit > 0, "{}", RateError::ZeroLimit.message());
        Self { limit, period }
    }

    /// Returns the same period with another limit, which must not be 0.
    pub(crate) const fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// Returns the units per [period](Self::period), or `u64::MAX` if [unlimited](Self::UNLIMITED).
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Returns the period of the limit, or zero if [unlimited](Self::UNLIMITED).
    pub const fn period(&self) -> Duration {
        Duration::from_micros(self.period)
    }

    /// Returns the period in microseconds, always whole milliseconds, or 0 if [unlimited](Self::UNLIMITED).
    pub const fn period_micros(&self) -> u64 {
        self.period
    }

    /// Returns whether this is [`Rate::UNLIMITED`].
    pub const fn is_unlimited(&self) -> bool {
        self.period == 0
    }
}

impl fmt::Display for Rate {
    /// Writes the shortest text that parses to this rate, such as `100/min` or `2/5s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 5] =
            [(WEEK, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "min"), (SECOND, "s")];
        if self.is_unlimited() {
            return f.write_str("unlimited");
        }
        let whole = UNITS.into_iter().find(|(size, _)| self.period.is_multiple_of(*size));
        let (size, unit) = whole.unwrap_or((MILLISECOND, "ms"));
        match self.period / size {
            1 => write!(f, "{}/{unit}", self.limit),
            count => write!(f, "{}/{count}{unit}", self.limit),
        }
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rate({self})")
    }
}

impl FromStr for Rate {
    type Err = RateError;

    /// Parses one rate in the [grammar](Rate#grammar).
    ///
    /// # Errors
    ///
    /// If the text is not in the grammar, or contains several rates.
    fn from_str(text: &str) -> Result<Self, RateError> {
        let rates: Rates = text.parse()?;
        match rates.as_slice() {
            [rate] => Ok(*rate),
            _ => Err(RateError::Trailing),
        }
    }
}

/// Why a text or a pair of numbers is not a [`Rate`].
///
/// `Debug` writes the message, because a `main` that returns an error prints its `Debug` output.
///
/// ```
/// use std::time::Duration;
/// use throttle::{Rate, RateError};
///
/// assert_eq!("10/minnute".parse::<Rate>(), Err(RateError::Unit(Some("min"))));
/// assert_eq!(Rate::new(0, Duration::from_secs(1)), Err(RateError::ZeroLimit));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{}", self.message())]
pub enum RateError {
    /// The text does not begin with a number.
    Limit,
    /// The limit is 0.
    ZeroLimit,
    /// Neither `/` nor `per` follows the limit.
    Separator,
    /// The unit of the period is missing.
    MissingUnit,
    /// The unit of the period is not in the grammar. Contains the most similar unit, if there is one.
    Unit(Option<&'static str>),
    /// The unit has no fixed length, such as a month.
    CalendarUnit,
    /// The period is 0.
    ZeroPeriod,
    /// A number is not whole and positive.
    Fraction,
    /// The period is not a whole number of milliseconds.
    FinePeriod,
    /// The limit does not fit into 64 bits.
    Overflow,
    /// The period is longer than [`Rate::MAX_PERIOD`].
    LongPeriod,
    /// There is text after the rate.
    Trailing,
    /// There are more than [`Rates::MAX`] limits.
    TooMany,
}

impl fmt::Debug for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}
