//! Memcached's meta commands (doc/protocol.txt, since version 1.6): requests and replies as bytes.

use std::io::{self, Write as _};

/// A command. Keys are printable ASCII without spaces, of at most 250 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Command<'a> {
    /// Returns the value, and its CAS number, which changes with every write.
    Get {
        key: &'a str,
    },
    /// Stores a value under a condition, for `ttl` seconds; 0 means without expiry.
    Set {
        key: &'a str,
        value: &'a [u8],
        ttl: u32,
        when: When,
    },
    Delete {
        key: &'a str,
    },
    /// Deletes an entry if it still has this CAS number.
    DeleteIf {
        key: &'a str,
        cas: u64,
    },
}

/// The condition under which a value is stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    Always,
    /// There is no value yet.
    Missing,
    /// The value still has this CAS number.
    Unchanged(u64),
}

/// A reply of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Value {
        value: Vec<u8>,
        cas: u64,
    },
    Done,
    /// There is no such entry.
    Missing,
    /// The condition was not met.
    Changed,
    /// The server rejects the command.
    Refused(String),
}

/// A reply that does not follow the protocol. The bytes after it cannot be parsed.
#[derive(Debug, thiserror::Error)]
#[error("not a reply of Memcached")]
pub(super) struct Malformed;

/// Reply lines are short, and values are states. A longer line or value is not a reply to any of our commands.
const LONGEST_LINE: usize = 2_048;
const LONGEST_VALUE: usize = 1 << 20;

impl Command<'_> {
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = self.try_write(to);
    }

    fn try_write(&self, to: &mut Vec<u8>) -> io::Result<()> {
        match *self {
            Self::Get { key } => write!(to, "mg {key} v c\r\n"),
            Self::Delete { key } => write!(to, "md {key}\r\n"),
            Self::DeleteIf { key, cas } => write!(to, "md {key} C{cas}\r\n"),
            Self::Set { key, value, ttl, when } => {
                write!(to, "ms {key} {} T{ttl}", value.len())?;
                match when {
                    When::Always => {}
                    When::Missing => to.write_all(b" ME")?,
                    When::Unchanged(cas) => write!(to, " C{cas}")?,
                }
                to.write_all(b"\r\n")?;
                to.write_all(value)?;
                to.write_all(b"\r\n")
            }
        }
    }
}

impl Reply {
    /// Parses the first reply in the buffer. Returns it with its length in bytes, or `None` if it is
    /// incomplete.
    pub(super) fn parse(buffer: &[u8]) -> Result<Option<(Self, usize)>, Malformed> {
        let Some(end) = buffer.windows(2).take(LONGEST_LINE).position(|window| window == b"\r\n") else {
            return if buffer.len() > LONGEST_LINE { Err(Malformed) } else { Ok(None) };
        };
        let line = std::str::from_utf8(&buffer[..end]).map_err(|_| Malformed)?;
        let mut words = line.split(' ');
        let reply = match words.next() {
            Some("VA") => return value(words, &buffer[end + 2..], end + 2),
            Some("HD") => Self::Done,
            Some("EN" | "NF") => Self::Missing,
            Some("NS" | "EX") => Self::Changed,
            Some("ERROR" | "CLIENT_ERROR" | "SERVER_ERROR") => Self::Refused(line.to_owned()),
            _ => return Err(Malformed),
        };
        Ok(Some((reply, end + 2)))
    }
}

/// Parses the value that a `VA` line announces.
fn value<'a>(
    mut words: impl Iterator<Item = &'a str>,
    rest: &[u8],
    before: usize,
) -> Result<Option<(Reply, usize)>, Malformed> {
    let length: usize = words.next().and_then(|word| word.parse().ok()).ok_or(Malformed)?;
    let cas = words.find_map(|word| word.strip_prefix('c')?.parse().ok()).ok_or(Malformed)?;
    if length > LONGEST_VALUE {
        return Err(Malformed);
    }
    let Some(value) = rest.get(..length + 2) else { return Ok(None) };
    let value = value.strip_suffix(b"\r\n").ok_or(Malformed)?.to_vec();
    Ok(Some((Reply::Value { value, cas }, before + length + 2)))
}

#[cfg(test)]
mod tests {
    use super::{Command, LONGEST_LINE, Reply, When};
    use proptest::prelude::{any, prop, prop_assert, proptest};

    fn written(command: Command<'_>) -> String {
        let mut bytes = Vec::new();
        command.write(&mut bytes);
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn commands_are_written_as_the_protocol_says() {
        let set = |when| written(Command::Set { key: "k", value: b"va", ttl: 7, when });
        assert_eq!(set(When::Always), "ms k 2 T7\r\nva\r\n");
        assert_eq!(set(When::Missing), "ms k 2 T7 ME\r\nva\r\n");
        assert_eq!(set(When::Unchanged(9)), "ms k 2 T7 C9\r\nva\r\n");
        assert_eq!(written(Command::Get { key: "k" }), "mg k v c\r\n");
        assert_eq!(written(Command::Delete { key: "k" }), "md k\r\n");
        assert_eq!(written(Command::DeleteIf { key: "k", cas: 4 }), "md k C4\r\n");
    }

    #[test]
    fn replies_are_read_once_they_are_complete() {
        let bytes = b"VA 4 c12\r\na\r\nb\r\nHD\r\nEN\r\nEX\r\nSERVER_ERROR out of memory\r\n";
        let mut replies = Vec::new();
        let mut rest = &bytes[..];
        while let Some((reply, taken)) = Reply::parse(rest).expect("well-formed") {
            assert!(Reply::parse(&rest[..taken - 1]).expect("so far").is_none());
            replies.push(reply);
            rest = &rest[taken..];
        }
        let refused = Reply::Refused("SERVER_ERROR out of memory".to_owned());
        let value = Reply::Value { value: b"a\r\nb".to_vec(), cas: 12 };
        assert_eq!(replies, [value, Reply::Done, Reply::Missing, Reply::Changed, refused]);
    }

    #[test]
    fn what_is_no_reply_is_told() {
        for bytes in [
            &b"HTTP/1.1 400\r\n"[..],
            b"VA\r\n",
            b"VA x c1\r\n",
            b"VA 1\r\n",
            b"VA 9999999 c1\r\n",
            b"VA 1 c1\r\nabc",
        ] {
            assert!(Reply::parse(bytes).is_err(), "{bytes:?}");
        }
        assert!(Reply::parse(&[b'a'; LONGEST_LINE + 1]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_take_more_than_there_are(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some((_, taken))) = Reply::parse(&bytes) {
                prop_assert!(taken <= bytes.len());
            }
        }
    }
}
