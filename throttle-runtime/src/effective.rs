//! What holds for a throttle in the end, and who said so.
//!
//! ```
//! use throttle::{Settings, effective::Origin, registry};
//!
//! # async fn example() -> Result<(), throttle::ConfigError> {
//! let registry = registry().defaults(Settings::new().on_error("allow")).build().await?;
//! let exports = registry.create("exports", Settings::new().rate("10/hour"))?;
//! exports.update(Settings::new().rate("20/hour"))?;
//! let listing = exports.effective();
//! let rate = listing.get("rate").expect("every throttle has one");
//! assert_eq!((rate.value(), rate.origin()), ("20/hour", &Origin::RunTime));
//! assert_eq!(listing.get("on_error").expect("said").to_string(), "on_error = \"allow\" (defaults)");
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// Who said a setting. Of several the first in this order is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// [`Throttle::update`](crate::Throttle::update) and what else is said while the program runs.
    RunTime,
    /// [`RegistryBuilder::throttle`](crate::RegistryBuilder::throttle).
    Override,
    /// The attribute, the layer, or the program that [created](crate::Registry::create) the throttle: here.
    Code(&'static Location<'static>),
    /// The settings of that [backend](crate::RegistryBuilder::backend_with).
    Backend(Arc<str>),
    /// The [defaults](crate::RegistryBuilder::defaults) of the registry.
    Defaults,
    /// [`Settings::BUILT_IN`](crate::Settings::BUILT_IN), or what follows from other settings.
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunTime => f.write_str("run time"),
            Self::Override => f.write_str("override"),
            Self::Code(location) => write!(f, "{}:{}", location.file(), location.line()),
            Self::Backend(name) => write!(f, "backend \"{name}\""),
            Self::Defaults => f.write_str("defaults"),
            Self::BuiltIn => f.write_str("built-in"),
        }
    }
}

/// One setting that holds. Its text is a line: `rate = 100/min (src/api.rs:12)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    name: &'static str,
    value: String,
    origin: Origin,
}

impl Setting {
    pub(crate) fn new((name, value): (&'static str, String), origin: Origin) -> Self {
        Self { name, value, origin }
    }

    /// Its name: that of the argument of the attribute.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its value as text, or the path of its function.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Who said it.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.name, self.value, self.origin)
    }
}

/// All that holds for one throttle. Its text is its uid, and a line for each setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    uid: Arc<str>,
    settings: Vec<Setting>,
}

impl Listing {
    pub(crate) const fn new(uid: Arc<str>, settings: Vec<Setting>) -> Self {
        Self { uid, settings }
    }

    /// The uid of the throttle.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// What holds. Rules that were [added](crate::Registry::add_rules) come last, since they hold beside the others.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The setting of that name; of several the one that is no addition. `None` if nobody says it.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uid)?;
        self.settings.iter().try_for_each(|setting| write!(f, "\n  {setting}"))
    }
}
