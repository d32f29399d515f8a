//! Several limits that apply at the same time.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use super::{Rate, RateError, grammar};

/// One to [eight](Rates::MAX) limits that apply at the same time, such as `"10/s, 500/hour"`.
///
/// A request is admitted if all limits allow it. It is then charged to all of them, and otherwise to none. In
/// text, `,` or `;` separates the [rates](Rate#grammar).
///
/// ```
/// use throttle::{Rate, Rates};
///
/// let rates: Rates = "10/s, 500/hour".parse()?;
/// assert_eq!(*rates, [Rate::per_second(10), Rate::per_hour(500)]);
/// assert_eq!(rates.to_string(), "10/s, 500/hour");
/// # Ok::<(), throttle::RateError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Rates {
    rates: [Rate; Self::MAX],
    len: usize,
}

impl Rates {
    /// The maximum number of limits of one throttle.
    pub const MAX: usize = 8;

    /// Parses the limits in `text`, and keeps their order.
    ///
    /// # Errors
    ///
    /// If the text is not in the [grammar](Rate#grammar), or has more than [`MAX`](Self::MAX) limits.
    pub const fn parse(text: &str) -> Result<Self, RateError> {
        let bytes = text.as_bytes();
        let (first, mut at) = match grammar::rate(bytes, 0) {
            Ok(parsed) => parsed,
            Err(error) => return Err(error),
        };
        let mut parsed = Self::of(first);
        while at < bytes.len() {
            if parsed.len == Self::MAX {
                return Err(RateError::TooMany);
            }
            (parsed.rates[parsed.len], at) = match grammar::rate(bytes, at + 1) {
                Ok(parsed) => parsed,
                Err(error) => return Err(error),
            };
            parsed.len += 1;
        }
        Ok(parsed)
    }

    /// Creates a single limit. It can be used in a constant.
    pub const fn of(rate: Rate) -> Self {
        Self { rates: [rate; Self::MAX], len: 1 }
    }

    /// Returns the limits in the order in which they were written.
    pub fn as_slice(&self) -> &[Rate] {
        &self.rates[..self.len]
    }

    /// Returns the lowest limit.
    pub(crate) const fn least(&self) -> u64 {
        let (mut least, mut index) = (u64::MAX, 0);
        while index < self.len {
            let limit = self.rates[index].limit();
            least = if limit < least { limit } else { least };
            index += 1;
        }
        least
    }

    /// Returns whether all of the limits are [`Rate::UNLIMITED`].
    pub fn is_unlimited(&self) -> bool {
        self.iter().all(Rate::is_unlimited)
    }
}

impl Deref for Rates {
    type Target = [Rate];

    fn deref(&self) -> &[Rate] {
        self.as_slice()
    }
}

impl From<Rate> for Rates {
    fn from(rate: Rate) -> Self {
        Self::of(rate)
    }
}

impl TryFrom<&[Rate]> for Rates {
    type Error = RateError;

    /// Copies the limits, and keeps their order.
    ///
    /// # Errors
    ///
    /// If `rates` is empty, or has more than [`Rates::MAX`] elements.
    fn try_from(rates: &[Rate]) -> Result<Self, RateError> {
        let mut all = Self::of(*rates.first().ok_or(RateError::Limit)?);
        all.rates.get_mut(..rates.len()).ok_or(RateError::TooMany)?.copy_from_slice(rates);
        all.len = rates.len();
        Ok(all)
    }
}

impl FromStr for Rates {
    type Err = RateError;

    /// Parses the limits in the text, like [`parse`](Self::parse).
    ///
    /// # Errors
    ///
    /// The errors of [`parse`](Self::parse).
    fn from_str(text: &str) -> Result<Self, RateError> {
        Self::parse(text)
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rate) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{rate}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rates({self})")
    }
}

impl PartialEq for Rates {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Rates {}
