//! The result of a `caller` function.

mod once;

use std::fmt;

use crate::key::{Identity, Key};
use crate::rate::Rates;
use crate::strategy::Class;
pub(crate) use once::resolve;

/// The result of a `caller` function: the key of the client, and the limits that apply to it.
///
/// The function runs once per request, however many attributes, statics and layers use it. So an account is
/// looked up once for its key, its rate and its class together.
///
/// ```
/// use axum::Extension;
/// use axum::http::{HeaderMap, StatusCode};
/// use throttle::{Caller, Rate, StaticThrottle, throttle};
///
/// #[derive(Clone)]
/// struct Accounts;
/// # impl Accounts {
/// #     fn find(&self, _: &HeaderMap) -> Option<(u64, bool)> { None }
/// # }
///
/// async fn account(accounts: Extension<Accounts>, headers: HeaderMap) -> Result<Caller, StatusCode> {
///     let (id, paid) = accounts.find(&headers).ok_or(StatusCode::UNAUTHORIZED)?;
///     let caller = Caller::new(id);
///     Ok(if paid { caller.rate(Rate::per_minute(600)) } else { caller })
/// }
///
/// /// 60 a minute, unless the account has a rate of its own.
/// #[throttle(rate = "60/min", caller = account)]
/// static API: StaticThrottle;
///
/// #[throttle(API)]
/// #[throttle(uid = "writes", rate = "10/s", caller = account)]
/// async fn write() {}
/// ```
///
/// A function that several routers share, or that a static or a layer uses, takes an `Extension` and no
/// `State`.
#[derive(Clone)]
pub struct Caller {
    pub(crate) identity: Identity,
    pub(crate) rates: Option<Rates>,
    pub(crate) class: Option<Class>,
}

impl Caller {
    /// Creates a client that is counted under this key. The throttle's own rate and class apply to it.
    pub fn new(key: impl Into<Key>) -> Self {
        Self { identity: Identity::Key(key.into()), rates: None, class: None }
    }

    /// Creates a client that is not limited.
    pub const fn exempt() -> Self {
        Self { identity: Identity::Exempt, rates: None, class: None }
    }

    /// Sets the limits of this client, which replace the throttle's `rate`.
    ///
    /// # Default
    ///
    /// The throttle's own `rate`.
    #[must_use]
    pub fn rate(mut self, rates: impl Into<Rates>) -> Self {
        self.rates = Some(rates.into());
        self
    }

    /// Sets the class of this client, which replaces the throttle's `class`. Strategies that distinguish
    /// clients use it.
    ///
    /// ```
    /// use throttle::Caller;
    ///
    /// let caller = Caller::new("tenant-7").class("premium");
    /// assert_eq!(format!("{caller:?}"), "Caller { rates: None, class: Some(Class(premium)), .. }");
    /// ```
    ///
    /// # Default
    ///
    /// The throttle's own `class`.
    #[must_use]
    pub fn class(mut self, class: impl Into<Class>) -> Self {
        self.class = Some(class.into());
        self
    }
}

impl fmt::Debug for Caller {
    /// Omits the key, because keys identify people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("rates", &self.rates)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}
