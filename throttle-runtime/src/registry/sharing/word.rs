//! What instances tell each other of an opening.

use std::time::Duration;

use crate::random;

/// An opening of a breaker, as one number. Whoever reads it knows how long it lasts by when the word is gone, so clocks
/// may differ; what it says of that is for those who cannot see it go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    /// What tells this opening from all others, of whatever instance.
    pub(super) tag: u32,
    /// How long it was to last, in milliseconds.
    millis: u32,
}

/// Up to how long a word is there after its opening has ended: the others let its instance probe first.
const HEAD_START: u64 = 2_000_000;

impl Word {
    /// The word for an opening that lasts for so many microseconds more, by its tag or else by a new one.
    pub(super) fn new(tag: Option<u32>, left: u64) -> Self {
        let millis = u32::try_from(left.div_ceil(1_000)).unwrap_or(u32::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "any part of it is random")]
        let tag = tag.unwrap_or_else(|| random::number() as u32);
        Self { tag, millis }
    }

    pub(super) const fn bits(self) -> u64 {
        (self.tag as u64) << u32::BITS | self.millis as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "the halves")]
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self { tag: (bits >> u32::BITS) as u32, millis: bits as u32 }
    }

    /// How long the opening lasts, in microseconds.
    pub(super) const fn wait(self) -> u64 {
        self.millis as u64 * 1_000
    }

    /// For how much longer the word is there, in microseconds.
    pub(super) fn head_start(self) -> u64 {
        self.wait().min(HEAD_START)
    }

    pub(super) fn ttl(self) -> Duration {
        Duration::from_micros(self.wait() + self.head_start())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_it_was_written() {
        for left in [0, 1, 999, 1_000, 60_000_000, u64::MAX] {
            let word = Word::new(None, left);
            assert_eq!(Word::from_bits(word.bits()), word);
            assert!(word.wait() >= left.min(u64::from(u32::MAX) * 1_000), "{left}");
        }
        assert_ne!(Word::new(None, 1).tag, Word::new(None, 1).tag);
    }

    #[test]
    fn the_head_start_is_no_longer_than_the_opening() {
        assert_eq!(Word::new(None, 60_000_000).ttl(), Duration::from_secs(62));
        assert_eq!(Word::new(None, 100_000).ttl(), Duration::from_millis(200));
    }
}
