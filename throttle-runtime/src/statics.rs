//! A throttle that is declared as a static.

use std::borrow::Cow;
use std::fmt;

use crate::{
    BackendError, ConfigError, Decision, ErrorKind, Hit, InFlight, Refused, Registry, Reservation, Site,
    Throttle,
};

/// A throttle that is declared as a static, by `#[throttle]` with the arguments that a handler has.
///
/// ```
/// use throttle::{Static, throttle};
///
/// /// Ten an hour for each account.
/// #[throttle(rate = "10/hour")]
/// static EXPORTS: Static;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let decision = EXPORTS.hit("alice").await?;
/// assert_eq!((decision.is_allowed(), decision.remaining()), (true, Some(9)));
/// # Ok(())
/// # }
/// ```
///
/// It stands for the [`Throttle`] of that uid in the registry in charge where it is asked, which makes it at its first
/// use. The registry checks it at the start like an attribute on a handler, lists it with those, and overrides its
/// settings by its uid.
///
/// One budget may cover all that is asked of it: by the program, by handlers with `#[throttle(EXPORTS)]`, by messages
/// with `#[throttle_message(EXPORTS)]`, and by a layer, `ThrottleLayer::new([&EXPORTS])`. `key`, `exempt`, `only`,
/// `bypass`, `handler` and `headers` are about requests; who calls [`hit`](Self::hit) says himself who pays, and what a
/// denial means.
pub struct Static(Site);

impl Static {
    /// What the attribute expands to.
    #[doc(hidden)]
    pub const fn new(site: Site) -> Self {
        Self(site)
    }

    /// What the attribute says, and where.
    pub const fn site(&self) -> &Site {
        &self.0
    }

    /// The name of the throttle: chosen, or the path of the static.
    pub const fn uid(&self) -> &'static str {
        self.0.uid()
    }

    /// The throttle in the registry that is in charge here.
    ///
    /// # Errors
    ///
    /// If the registry cannot make it: its backend, say, is not declared. One that was
    /// [installed](crate::RegistryBuilder::install) has found that before.
    pub fn throttle(&self) -> Result<Throttle, ConfigError> {
        self.throttle_in(&Registry::in_charge())
    }

    /// The throttle in a registry: where that of the router is in charge, say, and code runs outside of its
    /// [scope](Registry::scope).
    ///
    /// ```
    /// use axum::Extension;
    /// use throttle::{Registry, Static, throttle};
    ///
    /// #[throttle(rate = "10/hour")]
    /// static EXPORTS: Static;
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

    /// Decides one use and charges it if it fits: [`Throttle::hit`] in the registry in charge.
    ///
    /// # Errors
    ///
    /// If the backend failed and the `on_error` policy says that its error is the answer, or, of the kind
    /// [`ErrorKind::Misconfigured`], if there is no [`throttle`](Self::throttle).
    pub async fn hit<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<Decision, BackendError> {
        let registry = Registry::in_charge();
        self.asked_in(&registry)?.hit(hit).await
    }

    /// What a use would be answered right now: `remaining` is what would be left after it. Takes nothing, and is not
    /// counted.
    ///
    /// ```
    /// # use throttle::{Static, throttle};
    /// # #[throttle(rate = "10/hour")]
    /// # static EXPORTS: Static;
    /// # async fn example() -> Result<(), throttle::BackendError> {
    /// assert!(EXPORTS.check("alice").await?.is_allowed());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`hit`](Self::hit).
    pub async fn check<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<Decision, BackendError> {
        let registry = Registry::in_charge();
        self.asked_in(&registry)?.check(hit).await
    }

    /// What is left right now: `remaining` is the limit less what was used. Takes nothing, and is not counted.
    ///
    /// # Errors
    ///
    /// Like [`hit`](Self::hit).
    pub async fn stat<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<Decision, BackendError> {
        let registry = Registry::in_charge();
        self.asked_in(&registry)?.stat(hit).await
    }

    /// Decides one use whose charge may be given back: [`Throttle::reserve`] in the registry in charge.
    ///
    /// ```
    /// # use throttle::{Static, throttle};
    /// # #[throttle(rate = "10/hour")]
    /// # static EXPORTS: Static;
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
        let registry = Registry::in_charge();
        self.asked_in(&registry)?.reserve(hit).await
    }

    /// Forgets what one identity has used: [`Throttle::reset`] in the registry in charge.
    ///
    /// # Errors
    ///
    /// Like [`Throttle::reset`], or if there is no [`throttle`](Self::throttle).
    pub async fn reset<'h>(&self, identity: impl Into<Hit<'h>>) -> Result<(), BackendError> {
        let registry = Registry::in_charge();
        self.asked_in(&registry)?.reset(identity).await
    }

    /// Decides one use that is in flight until what this returns is dropped: [`Throttle::enter`] in the registry in
    /// charge.
    ///
    /// # Errors
    ///
    /// Like [`Throttle::enter`], or if there is no [`throttle`](Self::throttle).
    pub async fn enter<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<InFlight, Refused> {
        let registry = Registry::in_charge();
        self.asked_in(&registry)?.enter(hit).await
    }

    fn asked_in(&self, registry: &Registry) -> Result<Cow<'_, Throttle>, BackendError> {
        let none = |error| {
            BackendError::with_source(ErrorKind::Misconfigured, "there is no such throttle", error)
                .nothing_charged()
        };
        self.0.throttle(registry).map_err(none)
    }
}

impl fmt::Debug for Static {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
