//! Sites, which are places in the code that carry an attribute, and the list of all sites.
//!
//! A function that shares the throttle of a static has a site of its own. The number of the function is its
//! own, and the declaration is that of the static. Therefore, all of these sites have one throttle.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;

use once_cell::sync::OnceCell;

use super::Registry;
use std::sync::Arc;

use crate::config::declaration::Declaration;
use crate::config::resolver::{Resolver, role};
use crate::config::settings::{Constant, Settings};
use crate::error::ConfigError;
use crate::rate::Rates;
use crate::strategy::Strategy;
use crate::throttle::Throttle;

/// A place in the code that carries an attribute, with the settings of the attribute as a constant.
///
/// ```
/// use throttle::{sites, throttle};
///
/// #[throttle(uid = "payments", rate = "5/min, 100/day")]
/// async fn pay() {}
///
/// let site = sites().into_iter().find(|site| site.uid() == "payments").expect("it is linked");
/// assert!(site.is_named());
/// assert_eq!(site.limits().expect("a constant").to_string(), "5/min, 100/day");
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(pay));
/// ```
pub struct Site {
    uid: &'static str,
    /// The number of the function. Copies of the function share it.
    function: u64,
    /// The number of the throttle's declaration: the function's number, or that of a static.
    declaration: u64,
    explicit: bool,
    /// Whether it has neither a key template nor a cost of its own.
    plain: bool,
    template: bool,
    settings: Of,
    /// The cost of one use of a static's throttle, and the location of that cost.
    pub(super) cost: Option<(&'static dyn Resolver<role::cost>, &'static Location<'static>)>,
    location: &'static Location<'static>,
    /// The throttle in the global registry, after its first use.
    throttle: OnceCell<Throttle>,
}

/// The origin of a site's settings.
#[cfg_attr(feature = "tower", expect(clippy::large_enum_variant, reason = "a constant cannot be boxed"))]
enum Of {
    Constant(Constant),
    /// The settings of a layer, which makes its sites at run time.
    #[cfg(feature = "tower")]
    Layer(Box<Settings>),
}

impl Site {
    /// Creates a site whose uid is the path of the function. Attributes expand to this call.
    #[track_caller]
    pub const fn new(path: &'static str, function: u64, settings: Constant) -> Self {
        Self::at(path, function, settings, Location::caller())
    }

    /// Creates a site with an explicit uid. Attributes expand to this call.
    #[track_caller]
    pub const fn named(uid: &'static str, function: u64, settings: Constant) -> Self {
        let mut site = Self::at(uid, function, settings, Location::caller());
        site.explicit = true;
        site
    }

    /// Creates a site that is the declaration of its own throttle, without a key template and a cost of its own.
    const fn at(
        uid: &'static str,
        function: u64,
        settings: Constant,
        location: &'static Location<'static>,
    ) -> Self {
        Self {
            uid,
            function,
            declaration: function,
            explicit: false,
            plain: true,
            template: false,
            settings: Of::Constant(settings),
            cost: None,
            location,
            throttle: OnceCell::new(),
        }
    }

    /// Creates the site of a layer's throttle.
    #[cfg(feature = "tower")]
    #[track_caller]
    pub(crate) fn of_layer(uid: &'static str, number: u64, settings: Settings) -> Self {
        let settings = Of::Layer(Box::new(settings));
        Self { settings, ..Self::named(uid, number, Constant::NONE) }
    }

    /// Creates the site of a function that uses the throttle of another site.
    pub(crate) const fn sharing(declared: &'static Self, function: u64) -> Self {
        let settings = match &declared.settings {
            Of::Constant(settings) => *settings,
            #[cfg(feature = "tower")]
            Of::Layer(_) => Constant::NONE,
        };
        let mut site = Self::at(declared.uid, function, settings, declared.location);
        site.declaration = declared.declaration;
        site.explicit = declared.explicit;
        site
    }

    /// Returns the number of the function that carries the attribute.
    #[doc(hidden)]
    pub const fn function(&self) -> u64 {
        self.function
    }

    /// Returns the number of the throttle's declaration.
    pub(crate) const fn declaration(&self) -> u64 {
        self.declaration
    }

    /// Returns whether both are the same place in the code. Macros such as `debug_handler` copy functions with
    /// their attributes, and several functions may use the throttle of a static.
    pub(crate) fn is_copy_of(&self, other: &Self) -> bool {
        (self.declaration, self.uid, self.location) == (other.declaration, other.uid, other.location)
    }

    /// Marks that the key is made of the function's arguments.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_template(mut self) -> Self {
        self.template = true;
        self.plain = false;
        self
    }

    /// Sets the cost of this use. The limits are those of the static.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn with_cost(mut self, cost: &'static dyn Resolver<role::cost>) -> Self {
        self.cost = Some((cost, Location::caller()));
        self.plain = false;
        self
    }

    /// Returns the cost of this use, if it has one of its own.
    pub(crate) fn cost(&self) -> Option<&'static dyn Resolver<role::cost>> {
        self.cost.map(|(cost, _)| cost)
    }

    /// Returns whether it has neither a key template nor a cost of its own.
    #[cfg(feature = "axum")]
    pub(crate) const fn is_plain(&self) -> bool {
        self.plain
    }

    /// Returns whether the key is made of the function's arguments. Such a key does not exist before they are
    /// extracted.
    #[cfg(feature = "axum")]
    pub(crate) const fn has_template(&self) -> bool {
        self.template
    }

    /// Returns the uid of the throttle: the explicit uid, or the path of the function.
    pub const fn uid(&self) -> &'static str {
        self.uid
    }

    /// Returns whether the uid is explicit.
    pub const fn is_named(&self) -> bool {
        self.explicit
    }

    /// Returns the settings of the attribute.
    pub fn settings(&self) -> Settings {
        match &self.settings {
            Of::Constant(settings) => (*settings).into(),
            #[cfg(feature = "tower")]
            Of::Layer(settings) => (**settings).clone(),
        }
    }

    /// Returns the file and line of the attribute.
    pub const fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Returns the location as messages show it.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.location.file(), self.location.line())
    }

    /// Returns the limits, if they are the same for every request.
    pub fn limits(&self) -> Option<Rates> {
        self.settings().rate?.value()?.ok()
    }

    /// Returns the strategy, if the attribute names one.
    pub const fn strategy(&self) -> Option<&'static dyn Strategy> {
        match &self.settings {
            Of::Constant(settings) => settings.strategy,
            #[cfg(feature = "tower")]
            Of::Layer(_) => None,
        }
    }

    /// Returns the backend, if the attribute names one.
    pub const fn backend(&self) -> Option<&'static str> {
        match &self.settings {
            Of::Constant(settings) => settings.backend,
            #[cfg(feature = "tower")]
            Of::Layer(_) => None,
        }
    }

    /// Returns the `on_error` policy as text, if the attribute names one.
    pub fn on_error(&self) -> Option<String> {
        self.settings().on_error.map(|policy| policy.describe())
    }

    /// Whether a throttle belongs to this site: it was made for the site, for a copy of it, or for a site with
    /// the same chosen uid and equal settings.
    pub(crate) fn owns(&self, throttle: &Throttle) -> bool {
        throttle.declaration().is_by(self)
    }

    /// Returns the throttle of this site in a registry. The throttle in the global registry is cached.
    pub(crate) fn throttle(&self, registry: &Registry) -> Result<Cow<'_, Throttle>, ConfigError> {
        if registry.is_global() {
            self.throttle.get_or_try_init(|| registry.resolve(self)).map(Cow::Borrowed)
        } else {
            registry.resolve(self).map(Cow::Owned)
        }
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("uid", &self.uid)
            .field("at", &format_args!("{}:{}", self.location.file(), self.location.line()))
            .field("settings", &self.settings())
            .finish_non_exhaustive()
    }
}

impl Declaration {
    /// Creates the declaration of a throttle of a site.
    pub(crate) fn by(site: &Site) -> Self {
        Self {
            uid: Arc::from(site.uid()),
            name: Arc::from(site.name()),
            settings: site.settings(),
            location: site.location(),
            number: Some(site.declaration()),
        }
    }

    /// Returns whether the site is the origin of the declaration: the same site, a copy of it, or one with the
    /// same explicit uid and the same settings.
    pub(crate) fn is_by(&self, site: &Site) -> bool {
        self.number.is_some_and(|number| {
            (number, self.location) == (site.declaration(), site.location())
                || (site.is_named() && self.settings.describe() == site.settings().describe())
        })
    }
}
