//! The declaration of a throttle: by an attribute, a layer or code. Alone because registry and throttles import it.

use std::panic::Location;
use std::sync::Arc;

use crate::config::settings::Settings;

/// The declaration of a throttle.
#[derive(Clone)]
pub(crate) struct Declaration {
    /// The uid by which its settings can be overridden.
    pub(crate) uid: Arc<str>,
    /// Its name in headers.
    pub(crate) name: Arc<str>,
    pub(crate) settings: Settings,
    pub(crate) location: &'static Location<'static>,
    /// The number of the declaration. `None` if the throttle was created in code.
    pub(crate) number: Option<u64>,
}

impl Declaration {
    /// Creates the declaration of a throttle that is created in code.
    pub(crate) fn here(uid: &str, settings: Settings, location: &'static Location<'static>) -> Self {
        let uid = Arc::<str>::from(uid);
        Self { name: Arc::clone(&uid), uid, settings, location, number: None }
    }

    /// Returns whether the program created the throttle with [`create`](crate::Registry::create).
    pub(crate) const fn is_created(&self) -> bool {
        self.number.is_none()
    }
}
