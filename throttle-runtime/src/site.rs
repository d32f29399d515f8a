//! A place in the code that carries an attribute, and the list of all such places.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::slice;

use once_cell::sync::OnceCell;

use crate::names;
use crate::plug::{Ask, role};
use crate::registry::Registry;
use crate::settings::Constant;
use crate::strategy::Strategy;
use crate::{ConfigError, Rates, Settings, Static, Throttle};

/// A place in the code that carries an attribute: what the attribute says, as a constant.
pub struct Site {
    uid: &'static str,
    /// The number of the function, which its copies share.
    function: u64,
    /// The number of what declares the throttle: the function's, unless it is that of a static.
    declaration: u64,
    explicit: bool,
    /// Whether it has neither a template nor a cost of its own.
    plain: bool,
    template: bool,
    settings: Of,
    /// The cost of one use of the throttle of a static, and where it is written.
    cost: Option<(&'static dyn Ask<role::cost>, &'static Location<'static>)>,
    location: &'static Location<'static>,
    /// The throttle in the global registry, once it was used.
    throttle: OnceCell<Throttle>,
}

/// Where the settings of a site come from.
#[cfg_attr(feature = "tower", expect(clippy::large_enum_variant, reason = "a constant cannot be boxed"))]
enum Of {
    Constant(Constant),
    /// A layer makes its sites while the program runs.
    #[cfg(feature = "tower")]
    Layer(Box<Settings>),
}

impl Site {
    /// A site whose uid was made from the function's path.
    #[track_caller]
    pub const fn new(path: &'static str, function: u64, settings: Constant) -> Self {
        Self {
            uid: path,
            function,
            declaration: function,
            explicit: false,
            plain: true,
            template: false,
            settings: Of::Constant(settings),
            cost: None,
            location: Location::caller(),
            throttle: OnceCell::new(),
        }
    }

    /// A site whose uid was chosen.
    #[track_caller]
    pub const fn named(uid: &'static str, function: u64, settings: Constant) -> Self {
        Self {
            uid,
            function,
            declaration: function,
            explicit: true,
            plain: true,
            template: false,
            settings: Of::Constant(settings),
            cost: None,
            location: Location::caller(),
            throttle: OnceCell::new(),
        }
    }

    /// A throttle of a layer.
    #[cfg(feature = "tower")]
    #[track_caller]
    pub(crate) fn of_layer(uid: &'static str, number: u64, settings: Settings) -> Self {
        let settings = Of::Layer(Box::new(settings));
        Self { settings, ..Self::named(uid, number, Constant::NONE) }
    }

    /// A function's use of the throttle of a static.
    #[doc(hidden)]
    pub const fn shared(declared: &'static Static, function: u64) -> Self {
        let declared = declared.site();
        Self {
            uid: declared.uid,
            function,
            declaration: declared.declaration,
            explicit: declared.explicit,
            plain: true,
            template: false,
            settings: match &declared.settings {
                Of::Constant(settings) => Of::Constant(*settings),
                #[cfg(feature = "tower")]
                Of::Layer(_) => Of::Constant(Constant::NONE),
            },
            cost: None,
            location: declared.location,
            throttle: OnceCell::new(),
        }
    }

    /// The number of the function that this stands on.
    #[doc(hidden)]
    pub const fn function(&self) -> u64 {
        self.function
    }

    /// The number of what declares the throttle.
    pub(crate) const fn declaration(&self) -> u64 {
        self.declaration
    }

    /// Whether that is the same place in the code: macros such as `debug_handler` copy functions, attribute and
    /// all, and functions may use the throttle of a static.
    pub(crate) fn is_copy_of(&self, other: &Self) -> bool {
        (self.declaration, self.uid, self.location) == (other.declaration, other.uid, other.location)
    }

    /// The same with a key that is made of the function's arguments.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_template(mut self) -> Self {
        self.template = true;
        self.plain = false;
        self
    }

    /// The same use with a cost of its own: the budget is that of the static.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn with_cost(mut self, cost: &'static dyn Ask<role::cost>) -> Self {
        self.cost = Some((cost, Location::caller()));
        self.plain = false;
        self
    }

    /// The cost of this use, where it is not that of the throttle.
    pub(crate) fn cost(&self) -> Option<&'static dyn Ask<role::cost>> {
        self.cost.map(|(cost, _)| cost)
    }

    /// Whether it has neither a template nor a cost of its own.
    #[cfg(feature = "axum")]
    pub(crate) const fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether the key is made of the function's arguments, so that there is none before they are extracted.
    #[cfg(feature = "axum")]
    pub(crate) const fn has_template(&self) -> bool {
        self.template
    }

    /// The name of the throttle: chosen, or the path of the function.
    pub const fn uid(&self) -> &'static str {
        self.uid
    }

    /// The name in headers, which no other throttle of the program has: the uid if it was chosen, or else the function's name.
    /// If several functions have that name, it is as much of the path as tells them apart: `v1::search` and `v2::search`.
    pub fn name(&self) -> &'static str {
        names::of(self)
    }

    /// Whether the uid was chosen.
    pub const fn is_named(&self) -> bool {
        self.explicit
    }

    /// The settings of the attribute.
    pub fn settings(&self) -> Settings {
        match &self.settings {
            Of::Constant(settings) => (*settings).into(),
            #[cfg(feature = "tower")]
            Of::Layer(settings) => (**settings).clone(),
        }
    }

    /// The file and line of the attribute.
    pub const fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// The limits, if they are the same for every request.
    pub fn limits(&self) -> Option<Rates> {
        self.settings().rate?.value()?.ok()
    }

    /// The strategy, if the attribute names one.
    pub const fn strategy(&self) -> Option<&'static dyn Strategy> {
        match &self.settings {
            Of::Constant(settings) => settings.strategy,
            #[cfg(feature = "tower")]
            Of::Layer(_) => None,
        }
    }

    /// The backend, if the attribute names one.
    pub const fn backend(&self) -> Option<&'static str> {
        match &self.settings {
            Of::Constant(settings) => settings.backend,
            #[cfg(feature = "tower")]
            Of::Layer(_) => None,
        }
    }

    /// The policy for a backend that fails, as text, if the attribute names one.
    pub fn on_error(&self) -> Option<String> {
        self.settings().on_error.map(|policy| policy.describe())
    }

    /// The throttle that this site stands for in a registry; remembered for the global one.
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

/// The attributes of one function, as they are collected at link time.
#[derive(Debug)]
pub struct Linked(
    /// One site per attribute.
    pub &'static [Site],
);

impl Linked {
    /// That of a static.
    pub const fn of(declared: &'static Static) -> Self {
        Self(slice::from_ref(declared.site()))
    }
}

inventory::collect!(Linked);

/// Every `#[throttle]`, `#[throttle_fn]` and `#[throttle_message]` that is linked into this program, in the order of
/// file and line.
///
/// On platforms without link-time collection the list is empty; limits hold there all the same.
pub fn sites() -> Vec<&'static Site> {
    let mut sites: Vec<_> = inventory::iter::<Linked>().flat_map(|linked| linked.0).collect();
    sites.sort_by_key(|site| {
        (site.location.file(), site.location.line(), site.location.column(), site.uid, site.function)
    });
    sites.dedup_by(|a, b| a.is_copy_of(b));
    sites
}

/// The constant costs of uses of a static's throttle, and where they are written.
pub(crate) fn costs()
-> impl Iterator<Item = (&'static Site, Result<u64, ConfigError>, &'static Location<'static>)> {
    let sites = inventory::iter::<Linked>().flat_map(|linked| linked.0);
    sites.filter_map(|site| site.cost.and_then(|(cost, at)| Some((site, cost.value()?, at))))
}
