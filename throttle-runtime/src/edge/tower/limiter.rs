//! A throttle of a layer, and where it comes from.
//!
//! Settings of a layer are a [`Site`] that is not linked. So the throttle is created in the active registry, in
//! the same way as the throttle of an attribute.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use once_cell::sync::OnceCell;

use crate::config::settings::Settings;
use crate::edge::direct::static_throttle::StaticThrottle;
use crate::error::ConfigError;
use crate::registry::Registry;
use crate::registry::site::Site;
use crate::throttle::Throttle;

/// A throttle of a [layer](super::ThrottleLayer). It is made from one of these:
///
/// - an existing [`Throttle`]
/// - a [`StaticThrottle`]
/// - the uid of an existing throttle
/// - a uid and [`Settings`]: the active registry makes the throttle at its first use
///
/// ```
/// use throttle::Settings;
/// use throttle::tower::Limiter;
///
/// let _ = Limiter::from("api:search"); // as an attribute has it
/// let _ = Limiter::from(("api", Settings::new().rate("100/min")));
/// ```
#[derive(Clone)]
pub struct Limiter(Origin);

#[derive(Clone)]
enum Origin {
    Made(Throttle),
    /// With the throttle of the global registry, once it was used.
    Named(&'static str, Arc<OnceCell<Throttle>>),
    Declared(Arc<Site>),
    Static(&'static StaticThrottle),
}

impl Limiter {
    /// Returns the throttle of this limiter in a registry.
    pub(super) fn throttle(&self, registry: &Registry) -> Result<Throttle, ConfigError> {
        match &self.0 {
            Origin::Made(throttle) => Ok(throttle.clone()),
            Origin::Named(uid, known) if registry.is_global() => {
                known.get_or_try_init(|| named(uid, registry)).cloned()
            }
            Origin::Named(uid, _) => named(uid, registry),
            Origin::Declared(site) => site.throttle(registry).map(std::borrow::Cow::into_owned),
            Origin::Static(declared) => declared.throttle_in(registry),
        }
    }

    /// Checks for problems that do not depend on the registry.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Origin::Declared(site) = &self.0 else { return Ok(()) };
        if site.uid().trim().is_empty() {
            return Err(ConfigError::one("a throttle needs a uid that is not blank"));
        }
        // It must not depend on the order of use which of two throttles has the uid.
        let says = |other: &Site| other.settings().describe();
        let theirs =
            crate::registry::linked_sites::sites().into_iter().find(|other| other.uid() == site.uid());
        match theirs.filter(|theirs| !theirs.is_named() || says(theirs) != says(site)) {
            None => Ok(()),
            Some(theirs) => Err(ConfigError::one(format!(
                "the uid `{}` of a layer is that of an attribute at {}:{} with other settings: choose another, or name \
                 the uid alone to share that throttle",
                site.uid(),
                theirs.location().file(),
                theirs.location().line(),
            ))),
        }
    }
}

fn named(uid: &str, registry: &Registry) -> Result<Throttle, ConfigError> {
    let unknown = || ConfigError::one(format!("a layer names `{uid}`, but no throttle has that uid"));
    registry.get(uid).ok_or_else(unknown)
}

impl From<Throttle> for Limiter {
    fn from(throttle: Throttle) -> Self {
        Self(Origin::Made(throttle))
    }
}

impl From<&Throttle> for Limiter {
    fn from(throttle: &Throttle) -> Self {
        throttle.clone().into()
    }
}

/// The throttle of a static in the active registry.
impl From<&'static StaticThrottle> for Limiter {
    fn from(declared: &'static StaticThrottle) -> Self {
        Self(Origin::Static(declared))
    }
}

/// The throttle with this uid in the active registry. If it belongs to an attribute, for example, both share
/// the limit.
impl From<&'static str> for Limiter {
    fn from(uid: &'static str) -> Self {
        Self(Origin::Named(uid, Arc::default()))
    }
}

/// A throttle with this uid. Attributes and layers share it if their settings for it are equal.
impl From<(&'static str, Settings)> for Limiter {
    #[track_caller]
    fn from((uid, settings): (&'static str, Settings)) -> Self {
        /// Distinguishes declarations at the same place in the code.
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        Self(Origin::Declared(Arc::new(Site::of_layer(uid, number, settings))))
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Origin::Made(throttle) => throttle.fmt(f),
            Origin::Named(uid, _) => uid.fmt(f),
            Origin::Declared(site) => site.fmt(f),
            Origin::Static(declared) => declared.fmt(f),
        }
    }
}
