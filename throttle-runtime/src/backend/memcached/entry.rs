//! The format of an entry in Memcached: its generation, its expiry time, and a text of the store.
//!
//! The expiry time is in microseconds, because Memcached expires entries in whole seconds. The generation is
//! that of the namespace, because Memcached cannot list the entries that a reset must remove.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A text of the store, and its expiry time.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) text: String,
    /// Microseconds since the Unix epoch; 0 means never.
    pub(super) until: u64,
}

/// In seconds. Memcached interprets longer times as points in time.
const LONGEST_TTL: u64 = 30 * 24 * 3_600;

impl Value {
    pub(super) fn encode(&self, generation: u64) -> String {
        format!("{generation} {} {}", self.until, self.text)
    }

    /// Decodes an entry. Returns `None` if it is of another generation, has expired, or was written by another
    /// program.
    pub(super) fn decode(bytes: &[u8], generation: u64, now: u64) -> Option<Self> {
        let mut parts = str::from_utf8(bytes).ok()?.splitn(3, ' ');
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (of, until) = (number()?, number()?);
        let text = parts.next()?.to_owned();
        (of == generation && (until == 0 || until > now)).then_some(Self { text, until })
    }

    /// Returns the time to live for Memcached, in whole seconds, rounded up.
    pub(super) fn seconds(&self, now: u64) -> u32 {
        if self.until == 0 {
            return 0;
        }
        // Memcached's own seconds may begin at any moment, so one more second is added.
        let ttl = self.until.saturating_sub(now).div_ceil(1_000_000) + 1;
        // A longer time is a point in time, by the clock of the machine and not by our clock.
        let begin =
            if ttl > LONGEST_TTL { SystemTime::now().duration_since(UNIX_EPOCH) } else { Ok(Duration::ZERO) };
        let seconds = ttl.saturating_add(begin.unwrap_or_default().as_secs());
        // A point in time after 2106 means without expiry.
        u32::try_from(seconds).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b065_memcached_never_forgets_early() {
        let seconds = |micros| Value { text: String::new(), until: 1_000 + micros }.seconds(1_000);
        assert_eq!([1, 1_000_000, 1_000_001].map(seconds), [2, 2, 3]);
        let month = (LONGEST_TTL - 1) * 1_000_000;
        assert_eq!(seconds(month), 30 * 24 * 3_600);
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
        assert!(u64::from(seconds(month + 1)) > epoch + LONGEST_TTL, "a second more is a point in time");
        assert_eq!(seconds(u64::MAX - 1_000), 0, "for good");
        assert_eq!(Value { text: String::new(), until: 0 }.seconds(1_000), 0, "for good");
    }

    #[test]
    fn b079_only_what_was_written_is_read() {
        let value = Value { text: "1AA 2".to_owned(), until: 9 };
        let bytes = value.encode(7);
        let read = |generation, now| Value::decode(bytes.as_bytes(), generation, now);
        assert!(read(7, 8).is_some_and(|read| read.text == value.text && read.until == 9));
        assert!(read(6, 8).is_none() && read(7, 9).is_none(), "of another generation, or expired");
        for other in [&b""[..], b"7", b"7 9", b"x 9 1", b"7 -1 1", b"\xff 9 1"] {
            assert!(Value::decode(other, 7, 8).is_none(), "{other:?}");
        }
    }
}
