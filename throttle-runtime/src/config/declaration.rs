//! The declaration of a throttle: by an attribute, by a layer or in code.

use std::panic::Location;
use std::sync::Arc;

use crate::{Settings, Site};

/// The declaration of a throttle.
#[derive(Clone)]
pub(crate) struct Said {
    /// The uid by which its settings can be overridden.
    pub(crate) uid: Arc<str>,
    /// Its name in headers.
    pub(crate) name: Arc<str>,
    pub(crate) settings: Settings,
    pub(crate) location: &'static Location<'static>,
    /// The number of the declaration. `None` if the throttle was created in code.
    declaration: Option<u64>,
}

impl Said {
    /// Creates the declaration of a throttle that is created in code.
    pub(crate) fn here(uid: &str, settings: Settings, location: &'static Location<'static>) -> Self {
        let uid = Arc::<str>::from(uid);
        Self { name: Arc::clone(&uid), uid, settings, location, declaration: None }
    }

    pub(crate) fn by(site: &Site) -> Self {
        Self {
            uid: Arc::from(site.uid()),
            name: Arc::from(site.name()),
            settings: site.settings(),
            location: site.location(),
            declaration: Some(site.declaration()),
        }
    }

    /// Returns whether the program created the throttle with [`create`](crate::Registry::create).
    pub(crate) const fn is_created(&self) -> bool {
        self.declaration.is_none()
    }

    /// Returns whether the site is the origin of the declaration: the same site, a copy of it, or one with the
    /// same explicit uid and the same settings.
    pub(crate) fn is_by(&self, site: &Site) -> bool {
        self.declaration.is_some_and(|declaration| {
            (declaration, self.location) == (site.declaration(), site.location())
                || (site.is_named() && self.settings.describe() == site.settings().describe())
        })
    }
}
