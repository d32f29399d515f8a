//! Keys: the identities that requests are counted under.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use sha2::{Digest, Sha256};
use smallvec::SmallVec;

/// The identity that a request is counted under: one or more parts, encoded so that different parts never make
/// the same key.
///
/// Parts keep their boundaries: `("a", "bc")` and `("ab", "c")` are different keys. A part above 256 bytes is
/// replaced by its length and its SHA-256 digest, so keys are short whatever clients send. A key of up to 64
/// encoded bytes needs no allocation. `Debug` shows the length only, because keys identify people.
///
/// ```
/// use throttle::Key;
///
/// assert_ne!(Key::from(("a", "bc")), Key::from(("ab", "c")));
/// assert_eq!(Key::from(("tenant", 7_u64)), Key::new("tenant").with(7_u64.to_be_bytes()));
/// assert_eq!(format!("{:?}", Key::new("alice")), "Key(6 bytes)");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Key(SmallVec<[u8; INLINE]>);

impl Key {
    /// The key of all clients without an address.
    pub(crate) const ANONYMOUS: &str = "__anonymous__";

    /// Creates a key of one part.
    pub fn new(part: impl AsRef<[u8]>) -> Self {
        Self::default().with(part)
    }

    /// Returns the global key. Under it, all requests share one bucket.
    pub const fn global() -> Self {
        Self(SmallVec::new_const())
    }

    /// Returns this key with one more part.
    #[must_use]
    pub fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        self.push(part.as_ref());
        self
    }

    /// Creates a key of one part: the `Display` text of the value. Use it for identifiers that are neither text
    /// nor numbers.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use throttle::Key;
    ///
    /// assert_eq!(Key::display(&Ipv4Addr::LOCALHOST), Key::from("127.0.0.1"));
    /// ```
    pub fn display(value: &dyn fmt::Display) -> Self {
        Self::of_displayed(&[value])
    }

    /// Creates a key from the `Display` texts of values. Each value is a part of its own.
    #[doc(hidden)]
    pub fn of_displayed(values: &[&dyn fmt::Display]) -> Self {
        let mut key = Self::default();
        let mut text = String::new();
        for value in values {
            text.clear();
            // If a `Display` fails, the part contains the text up to the failure, which is still the handler's
            // own value.
            let _ = fmt::Write::write_fmt(&mut text, format_args!("{value}"));
            key.push(text.as_bytes());
        }
        key
    }

    /// Returns the encoded parts, for backends that store text or bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the encoded bytes as the first byte, which is the length of a short part, and the remaining
    /// bytes.
    #[inline]
    pub(crate) fn split(&self) -> Parts<'_> {
        self.0.split_first().map_or((None, &[]), |(first, rest)| (Some(*first), rest))
    }

    /// Creates the key of one part that is certainly short.
    #[inline]
    fn short<const N: usize>(part: [u8; N]) -> Self {
        const { assert!(N < INLINE, "the part and its length of one byte fit inline") };
        let mut bytes = [0; INLINE];
        [bytes[0], ..] = N.to_le_bytes();
        bytes[1..=N].copy_from_slice(&part);
        Self(SmallVec::from_buf_and_len(bytes, N + 1))
    }

    fn push(&mut self, part: &[u8]) {
        // The length is encoded as base-128 digits, so that no part can imitate the boundary of another.
        let mut length = part.len();
        loop {
            let [low, ..] = length.to_le_bytes();
            length >>= 7;
            self.0.push(if length == 0 { low } else { low | 0x80 });
            if length == 0 {
                break;
            }
        }
        if part.len() > LONGEST {
            self.0.extend_from_slice(&Sha256::digest(part));
        } else {
            self.0.extend_from_slice(part);
        }
    }
}

/// The number of bytes that a key holds without an allocation. The length of one such part takes one byte.
const INLINE: usize = 64;

/// Parts longer than this are replaced by their digest, so that clients cannot create keys of any length.
const LONGEST: usize = 256;

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} bytes)", self.0.len())
    }
}

impl From<&str> for Key {
    fn from(part: &str) -> Self {
        Self::new(part)
    }
}

impl From<String> for Key {
    fn from(part: String) -> Self {
        Self::new(part)
    }
}

impl From<&String> for Key {
    fn from(part: &String) -> Self {
        Self::new(part)
    }
}

impl From<Cow<'_, str>> for Key {
    fn from(part: Cow<'_, str>) -> Self {
        Self::new(part.as_bytes())
    }
}

impl From<bool> for Key {
    fn from(part: bool) -> Self {
        Self::new([u8::from(part)])
    }
}

impl From<IpAddr> for Key {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::short(ip.octets()),
            IpAddr::V6(ip) => Self::short(ip.octets()),
        }
    }
}

/// The first byte of a key and the remaining bytes, in the form that is hashed.
pub(crate) type Parts<'a> = (Option<u8>, &'a [u8]);

macro_rules! from_integers {
    ($($integer:ty),*) => { $(
        impl From<$integer> for Key {
            fn from(part: $integer) -> Self {
                Self::short(part.to_be_bytes())
            }
        }
    )* };
}

from_integers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

macro_rules! from_tuples {
    ($($part:ident)*) => {
        impl<$($part: Into<Key>),*> From<($($part,)*)> for Key {
            #[expect(non_snake_case, reason = "one letter per part")]
            fn from(($($part,)*): ($($part,)*)) -> Self {
                let mut key = Self::default();
                $( key.0.extend_from_slice(&$part.into().0); )*
                key
            }
        }
    };
}

from_tuples!(A B);
from_tuples!(A B C);
from_tuples!(A B C D);

/// The result of a `key` function: the key that the request is counted under, or an exemption.
///
/// Everything that is `Into<Key>` also converts into an identity, so most functions return a `String` or a
/// tuple.
///
/// ```
/// use axum::Extension;
/// use throttle::{Identity, throttle};
///
/// #[derive(Clone)]
/// struct User {
///     id: u64,
///     is_staff: bool,
/// }
///
/// async fn by_user(Extension(user): Extension<User>) -> Identity {
///     if user.is_staff { Identity::Exempt } else { user.id.into() }
/// }
///
/// #[throttle(rate = "100/min", key = by_user)]
/// async fn items() -> &'static str {
///     "ok"
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// The request is counted under this key.
    Key(Key),
    /// The request is not limited: it consumes no quota, and no backend is called.
    Exempt,
}

impl<K: Into<Key>> From<K> for Identity {
    fn from(key: K) -> Self {
        Self::Key(key.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_keep_their_borders() {
        assert_ne!(Key::from(("a", "b/c")), Key::from(("a/b", "c")));
        assert_ne!(Key::from(("a", "")), Key::from("a"));
        assert_ne!(Key::from(""), Key::global());
        assert_ne!(Key::new([1, b'a']), Key::new("a").with("a"));
        assert_eq!(Key::from(("a", "b", "c")), Key::from((("a", "b"), "c")));
    }

    #[test]
    fn b080_keys_are_short_whatever_clients_send() {
        let (long, longer) = ("x".repeat(10_000_000), "x".repeat(10_000_001));
        assert!(Key::from(&long).as_bytes().len() < 64);
        assert_ne!(Key::from(&long), Key::from(&longer));
        assert_ne!(Key::from(&long), Key::from("y".repeat(10_000_000)));
        assert_eq!(Key::from(&long), Key::from(&long));
    }

    #[test]
    fn debug_names_nobody() {
        assert!(!format!("{:?}", Identity::from("alice@example.org")).contains("alice"));
    }

    proptest! {
        #[test]
        fn different_parts_are_different_keys(a: Vec<Vec<u8>>, b: Vec<Vec<u8>>) {
            let key = |parts: &[Vec<u8>]| parts.iter().fold(Key::global(), Key::with);
            prop_assert_eq!(a == b, key(&a) == key(&b));
        }
    }
}
