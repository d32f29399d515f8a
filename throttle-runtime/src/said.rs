//! What is said of a throttle where it is declared: by an attribute, by a layer or in a program.

use std::panic::Location;
use std::sync::Arc;

use crate::{Settings, Site};

/// What is said of a throttle where it is declared.
#[derive(Clone)]
pub(crate) struct Said {
    /// By which it may be overridden.
    pub(crate) uid: Arc<str>,
    /// Its name in header fields.
    pub(crate) name: Arc<str>,
    pub(crate) settings: Settings,
    pub(crate) location: &'static Location<'static>,
    /// The number of the declaration, if it is one.
    declaration: Option<u64>,
}

impl Said {
    /// By the program itself.
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

    /// Whether the program made it with [`create`](crate::Registry::create).
    pub(crate) const fn is_created(&self) -> bool {
        self.declaration.is_none()
    }

    /// Whether the site says it: itself, a copy of it, or one that chose the same uid and says the same.
    pub(crate) fn is_by(&self, site: &Site) -> bool {
        self.declaration.is_some_and(|declaration| {
            (declaration, self.location) == (site.declaration(), site.location())
                || (site.is_named() && self.settings.describe() == site.settings().describe())
        })
    }
}
