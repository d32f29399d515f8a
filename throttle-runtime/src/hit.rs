//! One use of a throttle, called from code.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::class::Class;
use crate::key::{Key, Parts};
use crate::rate::Rates;

/// One use of a throttle: the key that is charged, and the cost.
///
/// Every type that converts into a [`Key`] also converts into a hit, with the throttle's own cost.
///
/// ```
/// use throttle::Hit;
///
/// let _ = Hit::from("alice");
/// let _ = Hit::new(("tenant", "alice")).cost(5);
/// ```
#[derive(Debug, Clone)]
pub struct Hit<'a> {
    pub(crate) key: HitKey<'a>,
    pub(crate) cost: Option<u64>,
    pub(crate) rates: Option<Box<Rates>>,
    pub(crate) class: Option<Class>,
}

/// The part of a hit that the fast path needs. The class is not part of it, because no strategy with a fast
/// path distinguishes classes.
#[derive(Clone, Copy)]
pub(crate) struct FastHit<'a> {
    pub(crate) key: Parts<'a>,
    pub(crate) cost: Option<u64>,
}

/// The identity that is charged: a key, or the text of its only part while no more than its hash is needed.
#[derive(Debug, Clone)]
pub(crate) enum HitKey<'a> {
    Part(&'a str),
    Borrowed(&'a Key),
    Key(Key),
}

impl HitKey<'_> {
    #[inline]
    pub(crate) fn split(&self) -> Option<Parts<'_>> {
        match self {
            Self::Part(part) if part.len() < 0x80 => {
                #[expect(clippy::cast_possible_truncation, reason = "checked")]
                let length = part.len() as u8;
                Some((Some(length), part.as_bytes()))
            }
            Self::Part(_) => None,
            Self::Borrowed(key) => Some(key.split()),
            Self::Key(key) => Some(key.split()),
        }
    }

    pub(crate) fn to_key(&self) -> Cow<'_, Key> {
        match self {
            Self::Part(part) => Cow::Owned(Key::from(*part)),
            Self::Borrowed(key) => Cow::Borrowed(key),
            Self::Key(key) => Cow::Borrowed(key),
        }
    }

    pub(crate) fn into_key(self) -> Key {
        match self {
            Self::Part(part) => Key::from(part),
            Self::Borrowed(key) => key.clone(),
            Self::Key(key) => key,
        }
    }
}

impl<'a> Hit<'a> {
    /// Creates a use by that key, with the throttle's own cost and rate.
    pub fn new(key: impl Into<Key>) -> Self {
        Self::by(HitKey::Key(key.into()))
    }

    #[inline]
    const fn by(key: HitKey<'a>) -> Self {
        Self { key, cost: None, rates: None, class: None }
    }

    /// Sets the cost of this use in units. A use with cost 0 passes without a charge.
    ///
    /// # Default
    ///
    /// The throttle's [`cost`](crate::Settings::cost).
    #[must_use]
    pub const fn cost(mut self, cost: u64) -> Self {
        self.cost = Some(cost);
        self
    }

    /// Sets the limits for this use, which replace the throttle's `rate`.
    ///
    /// ```
    /// use throttle::{Hit, Rate, Registry, Settings};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let exports = Registry::default().create("exports", Settings::new().rate("10/hour"))?;
    /// let decision = exports.hit(Hit::new("alice").rate(Rate::per_hour(50))).await?;
    /// assert_eq!(decision.remaining(), Some(49));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// The throttle's [`rate`](crate::Settings::rate).
    #[must_use]
    pub fn rate(mut self, rates: impl Into<Rates>) -> Self {
        self.rates = Some(Box::new(rates.into()));
        self
    }

    /// Returns the part that the fast path needs. Returns `None` if the hit has limits of its own, or if its
    /// key cannot be hashed in its current form.
    #[inline]
    pub(crate) fn fast(&self) -> Option<FastHit<'_>> {
        if self.rates.is_none() { Some(FastHit { key: self.key.split()?, cost: self.cost }) } else { None }
    }

    /// Converts the hit into one that borrows nothing.
    pub(crate) fn into_owned(self) -> Hit<'static> {
        let Self { key, cost, rates, class } = self;
        Hit { key: HitKey::Key(key.into_key()), cost, rates, class }
    }

    /// Sets the class of the caller, for strategies that distinguish callers.
    ///
    /// ```
    /// use throttle::{Hit, Registry, Settings, strategy::TieredRate};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let settings = Settings::new().rate("10/hour").strategy(TieredRate::new());
    /// let exports = Registry::default().create("exports", settings)?;
    /// let decision = exports.hit(Hit::new("alice").class("premium")).await?;
    /// assert_eq!(decision.remaining(), Some(49)); // five times the limit
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// The throttle's [`class`](crate::Settings::class).
    #[must_use]
    pub fn class(mut self, class: impl Into<Class>) -> Self {
        self.class = Some(class.into());
        self
    }
}

/// A text is a key with one part.
impl<'a> From<&'a str> for Hit<'a> {
    #[inline]
    fn from(part: &'a str) -> Self {
        Self::by(HitKey::Part(part))
    }
}

impl<'a> From<&'a String> for Hit<'a> {
    #[inline]
    fn from(part: &'a String) -> Self {
        Self::by(HitKey::Part(part))
    }
}

impl<'a> From<&'a Key> for Hit<'a> {
    #[inline]
    fn from(key: &'a Key) -> Self {
        Self::by(HitKey::Borrowed(key))
    }
}

macro_rules! from_keys {
    ($($key:ty),*) => { $(
        impl From<$key> for Hit<'_> {
            #[inline]
            fn from(key: $key) -> Self {
                Self::new(key)
            }
        }
    )* };
}

from_keys!(Key, String, bool, IpAddr, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

macro_rules! from_tuples {
    ($(($($part:ident)*))*) => { $(
        impl<$($part),*> From<($($part,)*)> for Hit<'_>
        where
            ($($part,)*): Into<Key>,
        {
            fn from(parts: ($($part,)*)) -> Self {
                Self::new(parts)
            }
        }
    )* };
}

from_tuples! { (A B) (A B C) (A B C D) }
