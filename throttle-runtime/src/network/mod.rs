//! Lists of networks: whose clients are let through without a limit, and whose are not let in.

mod file;
mod lists;
mod set;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

use self::file::File;
pub(crate) use self::lists::{Access, Lists};
use self::set::Set;

/// Networks, by which `allow` and `deny` know clients: a text, or a file that is read again when it has changed.
///
/// A list names networks such as `10.0.0.0/8` and `2001:db8::/32`, and single addresses, between commas, spaces or line
/// ends; a `#` begins a comment. A client's address is [`ClientIp::address`](crate::ClientIp::address): that of the
/// peer, unless that is a proxy which the registry trusts.
///
/// **Security:** a client is unknown if the server passes on no address, or if a trusted proxy did not name the client. It
/// is in no `allow` list, and a throttle with a `deny` list denies it, unless [`admit_unknown`](Self::admit_unknown)
/// says otherwise. One warning names the cause.
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
    /// Whether a `deny` list lets clients pass whose address is unknown.
    admits_unknown: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Text(&'static str),
    File(&'static str),
}

impl Networks {
    /// The networks of that text. What is wrong with it, the registry reports when a throttle is made with it, which
    /// for a text in an attribute is at compile time.
    pub const fn new(text: &'static str) -> Self {
        Self { origin: Origin::Text(text), admits_unknown: false }
    }

    /// The networks in that file, of 5 MiB at most. It is read when a throttle is made with it; if that fails the
    /// throttle is not made. After that it is looked at each second that requests come in, behind their backs, and
    /// read again when it has changed and then looked the same for a second: nobody is at it any more. A list
    /// that has become unreadable, by one wrong word or as it is gone, stays what it was, with one warning.
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

    /// The same as a `deny` list that does not deny clients whose address is unknown: they are limited as others are. For
    /// `allow` it is an error.
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
    #[must_use]
    pub const fn admit_unknown(mut self) -> Self {
        self.admits_unknown = true;
        self
    }

    /// The list, as it is looked up in.
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

/// Texts are part of the program, like all that settings are made from.
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

/// A network such as `10.0.0.0/8`, or an address as the network of just that one. An IPv4-mapped one is the IPv4 network
/// that it is, because addresses are folded before they are compared with it.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = text.parse().or_else(|_| text.parse().map(IpAddr::into)).ok()?;
    let IpNet::V6(v6) = network else { return Some(network) };
    let v4 = v6.network().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    Some(v4.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4))
}
