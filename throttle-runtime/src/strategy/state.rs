//! What a strategy remembers about one identity and one limit.

use smallvec::SmallVec;

/// What a strategy remembers about one identity and one limit: a few words whose meaning is its own.
///
/// Up to two words need no allocation. Nothing stored is no words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State(SmallVec<[u64; 2]>);

impl State {
    /// Nothing stored.
    pub const EMPTY: Self = Self(SmallVec::new_const());

    /// The words, as the strategy left them.
    pub fn words(&self) -> &[u64] {
        &self.0
    }
}

impl From<&[u64]> for State {
    fn from(words: &[u64]) -> Self {
        Self(SmallVec::from_slice(words))
    }
}

impl<const N: usize> From<[u64; N]> for State {
    fn from(words: [u64; N]) -> Self {
        Self::from(&words[..])
    }
}
