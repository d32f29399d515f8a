//! The effective settings of a throttle, and the origin of each setting.
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
//! assert_eq!(listing.get("on_error").expect("it is a default").to_string(), "on_error = \"allow\" (defaults)");
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// The origin of a setting. If several origins set the same setting, the first in this order takes precedence.
///
/// ```
/// use throttle::effective::{Listing, Origin};
///
/// fn declared_in(listing: &Listing) -> Option<&'static str> {
///     match listing.get("rate")?.origin() {
///         Origin::Code(location) => Some(location.file()),
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// [`Throttle::update`](crate::Throttle::update) and other changes at run time.
    RunTime,
    /// [`RegistryBuilder::throttle`](crate::RegistryBuilder::throttle).
    Override,
    /// The attribute, the layer, or the call that [created](crate::Registry::create) the throttle, at this
    /// location.
    Code(&'static Location<'static>),
    /// The settings of the [backend](crate::RegistryBuilder::backend_with) with this name.
    Backend(Arc<str>),
    /// The [defaults](crate::RegistryBuilder::defaults) of the registry.
    Defaults,
    /// [`Settings::BUILT_IN`](crate::Settings::BUILT_IN), or a value that follows from other settings.
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

/// One effective setting. Its `Display` text is one line: `rate = 100/min (src/api.rs:12)`.
///
/// ```
/// use throttle::effective::{Origin, Setting};
///
/// /// Reports a setting that was changed while the program was running.
/// fn report(setting: &Setting) {
///     if setting.origin() == &Origin::RunTime {
///         println!("{} is now {}", setting.name(), setting.value());
///     }
/// }
/// ```
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

    /// Returns the name of the setting, which is also the name of the attribute's argument.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the value as text, or the path of its function.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the origin of the value.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.name, self.value, self.origin)
    }
}

/// All effective settings of one throttle. The `Display` text is the uid, and one line for each setting.
///
/// ```
/// use throttle::{Throttle, effective::Origin};
///
/// /// Prints the settings that differ from the built-in settings.
/// fn print(throttle: &Throttle) {
///     let listing = throttle.effective();
///     println!("{}", listing.uid());
///     for setting in listing.settings().iter().filter(|setting| *setting.origin() != Origin::BuiltIn) {
///         println!("  {setting}");
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    uid: Arc<str>,
    settings: Vec<Setting>,
}

impl Listing {
    pub(crate) const fn new(uid: Arc<str>, settings: Vec<Setting>) -> Self {
        Self { uid, settings }
    }

    /// Returns the uid of the throttle.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Returns the effective settings. Rules that were [added](crate::Registry::add_rules) come last, because
    /// they apply in addition to the others.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Returns the setting of that name, or `None` if no origin sets it. If there are several, the first is
    /// returned, which is not an added rule.
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
