//! Lists of networks: clients that are exempt from a limit (`allow`), and clients that are denied (`deny`).

mod access_lists;
mod ip_set;
mod watched_file;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

pub(crate) use access_lists::{Access, Lists};
use ip_set::Set;
use watched_file::File;

/// A list of networks for `allow` and `deny`: a text, or a file that is read again after it has changed.
///
/// A list contains networks such as `10.0.0.0/8` and `2001:db8::/32`, and single addresses. They are
/// separated by commas, spaces or line ends, and a `#` begins a comment. The address that is looked up is
/// [`ClientIp::address`](crate::ClientIp::address): the peer, unless the peer is a proxy that the registry
/// trusts.
///
/// **Security:** a client is unknown if the server passes on no address, or if a trusted proxy did not name
/// the client. An unknown client is in no `allow` list, and a throttle with a `deny` list denies it, unless
/// [`admit_unknown`](Self::admit_unknown) is set. One warning reports the cause.
///
/// ```
/// use throttle::{Networks, throttle};
///
/// const OFFICES: Networks = Networks::new("192.0.2.0/24, 2001:db8::/32");
///
/// #[throttle(rate = "100/min", allow = OFFICES, deny = "203.0.113.0/24")]
/// async fn items() -> &'static str { "ok" }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Networks {
    origin: Origin,
    /// Whether a `deny` list admits clients whose address is unknown.
    admits_unknown: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Text(&'static str),
    File(&'static str),
}

impl Networks {
    /// Creates a list of the networks in this text. The registry reports a wrong text when a throttle is made
    /// with it. In an attribute, a wrong text is a compile error.
    pub const fn new(text: &'static str) -> Self {
        Self { origin: Origin::Text(text), admits_unknown: false }
    }

    /// Creates a list of the networks in this file, which may have at most 5 MiB. If the file cannot be read
    /// when a throttle is made with it, the throttle is not made.
    ///
    /// While requests arrive, the file is checked once per second, in the background. A changed file is read
    /// again once it has not changed for a second, because an editor may still be writing it. If the file
    /// becomes unreadable, because of one wrong word or because it was removed, the last list stays in
    /// effect, and one warning is logged.
    ///
    /// ```
    /// use throttle::{Networks, throttle};
    ///
    /// #[throttle(rate = "100/min", deny = Networks::file("/etc/my-service/deny.txt"))]
    /// async fn items() -> &'static str { "ok" }
    /// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
    /// ```
    pub const fn file(path: &'static str) -> Self {
        Self { origin: Origin::File(path), admits_unknown: false }
    }

    /// Returns this list as a `deny` list that does not deny clients whose address is unknown: they are
    /// limited like other clients. In an `allow` list, this is an error.
    ///
    /// ```
    /// use throttle::{Networks, throttle};
    ///
    /// const BAD: Networks = Networks::new("203.0.113.0/24").admit_unknown();
    ///
    /// #[throttle(rate = "100/min", deny = BAD)]
    /// async fn items() -> &'static str { "ok" }
    /// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
    /// ```
    ///
    /// # Default
    ///
    /// A `deny` list denies clients whose address is unknown.
    #[must_use]
    pub const fn admit_unknown(mut self) -> Self {
        self.admits_unknown = true;
        self
    }

    /// Opens the list for look-ups.
    fn open(self, now: u64) -> Result<List, String> {
        match self.origin {
            Origin::File(path) => File::open(path, now).map(List::File),
            Origin::Text(text) => match Set::parse(text)? {
                set if set.is_empty() => {
                    Err("a list of networks is empty: write one such as \"10.0.0.0/8\"".to_owned())
                }
                set => Ok(List::Fixed(set)),
            },
        }
    }
}

/// Texts are `'static`, because they are part of the program, like everything that settings are made from.
impl From<&'static str> for Networks {
    fn from(text: &'static str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Text(text) => f.write_str(text)?,
            Origin::File(path) => write!(f, "file({path:?})")?,
        }
        if self.admits_unknown { f.write_str(", and admits unknown clients") } else { Ok(()) }
    }
}

/// An open list.
#[derive(Debug)]
enum List {
    Fixed(Set),
    File(Arc<File>),
}

impl List {
    fn contains(&self, address: IpAddr, now: impl FnOnce() -> u64) -> bool {
        match self {
            Self::Fixed(set) => set.contains(address),
            Self::File(file) => file.set(now()).contains(address),
        }
    }
}
