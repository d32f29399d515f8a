//! Key sources: where the key of a request is read from, if it is not the result of a function.

use std::fmt;

use super::resolver::RequestContext;
use crate::http::credential;
use crate::http::credential::Value;
use crate::key::Key;

/// Counts per client address: `key = ip`, the default.
///
/// ```
/// use throttle::{Settings, key};
///
/// let settings = Settings::new().rate("100/min").key(key::Ip);
/// assert_eq!(settings.describe()[1], ("key", "ip".to_owned()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ip;

/// Counts all requests together: `key = global`.
///
/// ```
/// use throttle::throttle;
///
/// #[throttle(rate = "10/min", key = global)]
/// async fn export() -> &'static str { "ok" }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(export));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Global;

/// Counts per value of a request header: `key = header("x-api-key")`.
///
/// **Security:** a client that can send arbitrary values gets a fresh bucket for each. Use a header only if its value was
/// verified before the throttle runs, or key on the result of the authentication: see the guide.
///
/// Blanks around the value are ignored. In `Authorization`, the scheme is case-insensitive, and several
/// blanks count as one. A request is counted per client address if the header is missing or empty, or has
/// lines with different values.
///
/// ```
/// use throttle::{Settings, key};
///
/// let settings = Settings::new().rate("100/min").key(key::Header("x-api-key"));
/// assert_eq!(settings.describe()[1], ("key", "header(\"x-api-key\")".to_owned()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header(pub &'static str);

/// Counts per value of a cookie: `key = cookie("session")`.
///
/// **Security:** a client that can send arbitrary values gets a fresh bucket for each. Use a cookie only if its value was
/// verified before the throttle runs, or key on the result of the authentication: see the guide.
///
/// The value is trimmed, percent-decoded and stripped of quotes, as the crate `cookie` reads it. A request is
/// counted per client address if the cookie is missing or empty, or occurs with different values.
///
/// ```
/// use throttle::{Settings, key};
///
/// let settings = Settings::new().rate("100/min").key(key::Cookie("session"));
/// assert_eq!(settings.describe()[1], ("key", "cookie(\"session\")".to_owned()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie(pub &'static str);

/// Reads a key from the request parts.
pub(crate) trait KeySource: fmt::Display {
    fn key(&self, context: &RequestContext<'_>) -> Key;
}

impl KeySource for Global {
    fn key(&self, _: &RequestContext<'_>) -> Key {
        Key::global()
    }
}

impl KeySource for Ip {
    fn key(&self, context: &RequestContext<'_>) -> Key {
        match context.lookup.client(context.parts).or_peer() {
            Some(client) => Key::from(context.lookup.clients.group(client)),
            None => {
                context.lookup.notices.of_missing_peer(context.parts);
                Key::new(Key::ANONYMOUS)
            }
        }
    }
}

impl KeySource for Header {
    fn key(&self, context: &RequestContext<'_>) -> Key {
        found_or_ip(context, credential::header(&context.parts.headers, self.0))
    }
}

impl KeySource for Cookie {
    fn key(&self, context: &RequestContext<'_>) -> Key {
        found_or_ip(context, credential::cookie(&context.parts.headers, self.0))
    }
}

/// Tags the key with its source, so that no value can imitate an address.
fn found_or_ip(context: &RequestContext<'_>, found: Option<Value<'_>>) -> Key {
    match found {
        Some(value) => Key::from(("value", Key::new(&*value))),
        None => Key::from(("ip", Ip.key(context))),
    }
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ip")
    }
}

impl fmt::Display for Global {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("global")
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "header({:?})", self.0)
    }
}

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cookie({:?})", self.0)
    }
}
