//! Throttles that are declared as statics.

use std::borrow::Cow;
use std::fmt;
use std::slice;

use crate::decision::Decision;
use crate::edge::direct::permit::Permit;
use crate::edge::direct::reservation::Reservation;
use crate::error::{BackendError, ConfigError, ErrorKind};
use crate::hit::Hit;
use crate::pipeline::throttle_error::ThrottleError;
use crate::registry::Registry;
use crate::registry::linked_sites::LinkedSites;
use crate::registry::site::Site;
use crate::throttle::Throttle;

/// A throttle that is declared as a static, by `#[throttle]` with the arguments of a handler.
///
/// ```
/// use throttle::{StaticThrottle, throttle};
///
/// /// Ten an hour for each account.
/// #[throttle(rate = "10/hour")]
/// static EXPORTS: StaticThrottle;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let decision = EXPORTS.hit("alice").await?;
/// assert_eq!((decision.is_allowed(), decision.remaining()), (true, Some(9)));
/// # Ok(())
/// # }
/// ```
///
/// It stands for the [`Throttle`] of that uid in the active registry, which creates the throttle at its first
/// use. The registry checks it at startup like an attribute on a handler, lists it with the attributes, and can
/// override its settings by uid.
///
/// Its limits can cover all of its uses: calls from code, handlers with `#[throttle(EXPORTS)]`, messages with
/// `#[throttle_message(EXPORTS)]`, and a layer, `ThrottleLayer::new([&EXPORTS])`. The settings `key`, `exempt`,
/// `only`, `bypass`, `handler` and `headers` apply only to requests. A caller of [`hit`](Self::hit) passes the
/// key, and decides what a denial means.
pub struct StaticThrottle(Site);

impl StaticThrottle {
    /// Creates the static. Attributes expand to this call.
    #[doc(hidden)]
    pub const fn new(site: Site) -> Self {
        Self(site)
    }

    /// Returns the settings and the location of the attribute.
    pub const fn site(&self) -> &Site {
        &self.0
    }

    /// Returns the uid of the throttle: the explicit uid, or the path of the static.
    pub const fn uid(&self) -> &'static str {
        self.0.uid()
    }

    /// Returns the throttle in the active registry.
    ///
    /// # Errors
    ///
    /// Returns an error if the registry cannot create the throttle, for example because its backend is not
    /// declared. A registry that was [installed](crate::RegistryBuilder::install) has reported this at startup.
    pub fn throttle(&self) -> Result<Throttle, ConfigError> {
        self.throttle_in(&Registry::current_ref())
    }

    /// Returns the throttle in a registry. Use it if the router has its own registry, and code runs outside of
    /// that registry's [scope](Registry::scope).
    ///
    /// ```
    /// use axum::Extension;
    /// use throttle::{Registry, StaticThrottle, throttle};
    ///
    /// #[throttle(rate = "10/hour")]
    /// static EXPORTS: StaticThrottle;
    ///
    /// async fn left(Extension(registry): Extension<Registry>) -> String {
    ///     let exports = EXPORTS.throttle_in(&registry).expect("it was checked at the start");
    ///     format!("{:?}", exports.counts())
    /// }
    /// # let _ = left;
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`throttle`](Self::throttle).
    pub fn throttle_in(&self, registry: &Registry) -> Result<Throttle, ConfigError> {
        self.0.throttle(registry).map(Cow::into_owned)
    }

    /// Decides one use and charges it if it fits: calls [`Throttle::hit`] in the active registry.
    ///
    /// # Errors
    ///
    /// Returns the error of the backend, if it fails and `on_error` propagates its error. If there is no
    /// [`throttle`](Self::throttle), the error has the kind [`ErrorKind::Misconfigured`].
    pub async fn hit<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<Decision, BackendError> {
        let registry = Registry::current_ref();
        self.asked_in(&registry)?.hit(hit).await
    }

    /// Returns the decision that a use would receive right now: `remaining` is what would be left after it.
    /// Consumes no quota, and is not counted.
    ///
    /// ```
    /// # use throttle::{StaticThrottle, throttle};
    /// # #[throttle(rate = "10/hour")]
    /// # static EXPORTS: StaticThrottle;
    /// # async fn example() -> Result<(), throttle::BackendError> {
    /// assert!(EXPORTS.peek("alice").await?.is_allowed());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`hit`](Self::hit).
    pub async fn peek<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<Decision, BackendError> {
        let registry = Registry::current_ref();
        self.asked_in(&registry)?.peek(hit).await
    }

    /// Returns what is left right now: `remaining` is the limit minus the usage. Consumes no quota, and is not
    /// counted.
    ///
    /// # Errors
    ///
    /// Like [`hit`](Self::hit).
    pub async fn quotas<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<Decision, BackendError> {
        let registry = Registry::current_ref();
        self.asked_in(&registry)?.quotas(hit).await
    }

    /// Decides one use whose charge can be refunded: calls [`Throttle::reserve`] in the active registry.
    ///
    /// ```
    /// # use throttle::{StaticThrottle, throttle};
    /// # #[throttle(rate = "10/hour")]
    /// # static EXPORTS: StaticThrottle;
    /// # async fn example() -> Result<(), throttle::BackendError> {
    /// let reservation = EXPORTS.reserve("alice").await?;
    /// reservation.refund().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`hit`](Self::hit).
    pub async fn reserve<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<Reservation, BackendError> {
        let registry = Registry::current_ref();
        self.asked_in(&registry)?.reserve(hit).await
    }

    /// Resets the usage of one identity: calls [`Throttle::reset`] in the active registry.
    ///
    /// # Errors
    ///
    /// Like [`Throttle::reset`]. Also if there is no [`throttle`](Self::throttle).
    pub async fn reset<'h>(&self, identity: impl Into<Hit<'h>>) -> Result<(), BackendError> {
        let registry = Registry::current_ref();
        self.asked_in(&registry)?.reset(identity).await
    }

    /// Decides one use that is in flight until the returned value is dropped: calls [`Throttle::permit`] in the
    /// active registry.
    ///
    /// # Errors
    ///
    /// Like [`Throttle::permit`]. Also if there is no [`throttle`](Self::throttle).
    pub async fn permit<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<Permit, ThrottleError> {
        let registry = Registry::current_ref();
        self.asked_in(&registry)?.permit(hit).await
    }

    fn asked_in(&self, registry: &Registry) -> Result<Cow<'_, Throttle>, BackendError> {
        let none = |error| {
            BackendError::with_source(ErrorKind::Misconfigured, "there is no such throttle", error)
                .safe_to_retry()
        };
        self.0.throttle(registry).map_err(none)
    }
}

impl fmt::Debug for StaticThrottle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Site {
    /// Creates the site of a function that uses the throttle of a static.
    #[doc(hidden)]
    pub const fn shared(declared: &'static StaticThrottle, function: u64) -> Self {
        Self::sharing(declared.site(), function)
    }
}

impl LinkedSites {
    /// Creates the entry of a static.
    pub const fn of(declared: &'static StaticThrottle) -> Self {
        Self(slice::from_ref(declared.site()))
    }
}
