//! The encoding of an opening that instances share.

use std::time::Duration;

use crate::util::random;

/// An opening of a breaker, encoded as one number. Readers detect the end of the opening by the expiry of the
/// word in the store, so the clocks of the instances may differ. The encoded duration is for instances that
/// cannot read the store at that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    /// Distinguishes this opening from all others, of all instances.
    pub(super) tag: u32,
    /// The duration of the opening, in milliseconds.
    millis: u32,
}

/// The maximum time, in microseconds, that a word stays in the store after its opening has ended. During that
/// time, the instance that wrote it probes first.
const HEAD_START: u64 = 2_000_000;

impl Word {
    /// Encodes an opening that lasts for `left` microseconds more. Without a tag, a new one is chosen.
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

    /// Returns the duration of the opening, in microseconds.
    pub(super) const fn wait(self) -> u64 {
        self.millis as u64 * 1_000
    }

    /// Returns how long the word stays in the store after the opening has ended, in microseconds.
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
