//! A throttle of a layer, and where it comes from.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use once_cell::sync::OnceCell;

use crate::{ConfigError, Registry, Settings, Site, Static, Throttle};

/// A throttle of a [layer](super::ThrottleLayer): made from a [`Throttle`] that there is, from a [`Static`], from the uid
/// of one, or from a uid and [`Settings`], by which the registry in charge makes one at its first use.
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
    Static(&'static Static),
}

impl Limiter {
    /// The throttle that this stands for in a registry.
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

    /// What can be wrong with it whatever the registry is.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Origin::Declared(site) = &self.0 else { return Ok(()) };
        if site.uid().trim().is_empty() {
            return Err(ConfigError::one("a throttle needs a uid that is not blank"));
        }
        // Which of two has the uid must not depend on which is used first.
        let says = |other: &Site| other.settings().describe();
        let theirs = crate::sites().into_iter().find(|other| other.uid() == site.uid());
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

/// The throttle of a static in the registry in charge.
impl From<&'static Static> for Limiter {
    fn from(declared: &'static Static) -> Self {
        Self(Origin::Static(declared))
    }
}

/// The throttle of that uid in the registry in charge: that of an attribute, say, whose limit is shared then.
impl From<&'static str> for Limiter {
    fn from(uid: &'static str) -> Self {
        Self(Origin::Named(uid, Arc::default()))
    }
}

/// A throttle of that uid, which attributes and layers share if they say the same of it.
impl From<(&'static str, Settings)> for Limiter {
    #[track_caller]
    fn from((uid, settings): (&'static str, Settings)) -> Self {
        /// Tells declarations apart that stand at one place.
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
