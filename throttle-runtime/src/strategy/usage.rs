//! The usage of a client, which the memory backend keeps when it evicts the state of the client.

use smallvec::SmallVec;

/// A part of the usage of a client.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The kind of usage. Kinds are never mixed.
    pub lane: Lane,
    /// The time until which the usage counts, in microseconds since the Unix epoch.
    pub until: u64,
    /// The number of units. It is 0 in lanes of times.
    pub units: u64,
}

/// A kind of usage.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Units. The number distinguishes several kinds of units of one strategy.
    Units(u8),
    /// A backlog until that time.
    Until,
    /// All units of any limit until that time.
    Spent,
}

/// The usage of a client.
pub(crate) type Usages = SmallVec<[Usage; 4]>;

impl Usage {
    pub(super) const fn units(lane: u8, until: u64, units: u64) -> Self {
        Self { lane: Lane::Units(lane), until, units }
    }

    pub(crate) const fn spent(until: u64) -> Self {
        Self { lane: Lane::Spent, until, units: 0 }
    }
}
