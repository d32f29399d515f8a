//! One use of a throttle, as a program says it.

use std::net::IpAddr;

use crate::key::{Parts, Payer};
use crate::strategy::Class;
use crate::{Key, Rates};

/// One use of a throttle: who pays how much.
///
/// Whatever is a [`Key`] is a hit of the throttle's own cost.
///
/// ```
/// use throttle::Hit;
///
/// let _ = Hit::from("alice");
/// let _ = Hit::new(("tenant", "alice")).cost(5);
/// ```
#[derive(Debug, Clone)]
pub struct Hit<'a> {
    pub(crate) payer: Payer<'a>,
    pub(crate) cost: Option<u64>,
    pub(crate) rates: Option<Box<Rates>>,
    pub(crate) class: Option<Class>,
}

/// What the short way has to know of a hit: none of the strategies that have one tells classes apart.
#[derive(Clone, Copy)]
pub(crate) struct Brief<'a> {
    pub(crate) key: Parts<'a>,
    pub(crate) cost: Option<u64>,
}

impl<'a> Hit<'a> {
    /// A use by that key, at the throttle's own cost and rate.
    pub fn new(key: impl Into<Key>) -> Self {
        Self::by(Payer::Key(key.into()))
    }

    #[inline]
    const fn by(payer: Payer<'a>) -> Self {
        Self { payer, cost: None, rates: None, class: None }
    }

    /// What this use costs; 0 passes freely.
    #[must_use]
    pub const fn cost(mut self, cost: u64) -> Self {
        self.cost = Some(cost);
        self
    }

    /// The limits for this use.
    #[must_use]
    pub fn rate(mut self, rates: impl Into<Rates>) -> Self {
        self.rates = Some(Box::new(rates.into()));
        self
    }

    /// What the short way has to know, if the hit brings no limits of its own and its key is there to be hashed.
    #[inline]
    pub(crate) fn brief(&self) -> Option<Brief<'_>> {
        if self.rates.is_none() { Some(Brief { key: self.payer.split()?, cost: self.cost }) } else { None }
    }

    /// The same for longer than what the key is borrowed from.
    pub(crate) fn into_owned(self) -> Hit<'static> {
        let Self { payer, cost, rates, class } = self;
        Hit { payer: Payer::Key(payer.into_key()), cost, rates, class }
    }

    /// What kind of caller it is, for strategies that tell them apart.
    #[must_use]
    pub fn class(mut self, class: impl Into<Class>) -> Self {
        self.class = Some(class.into());
        self
    }
}

/// A text is a key of one part.
impl<'a> From<&'a str> for Hit<'a> {
    #[inline]
    fn from(part: &'a str) -> Self {
        Self::by(Payer::Part(part))
    }
}

impl<'a> From<&'a String> for Hit<'a> {
    #[inline]
    fn from(part: &'a String) -> Self {
        Self::by(Payer::Part(part))
    }
}

impl<'a> From<&'a Key> for Hit<'a> {
    #[inline]
    fn from(key: &'a Key) -> Self {
        Self::by(Payer::Borrowed(key))
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
