//! The settings of a throttle.
//!
//! All places where settings can be set use one type, so resolving them is `a.or(b).or(c)`. Values are [static
//! or reference-counted](Shared): attributes contain constants, and values that a program creates are freed.

mod builder;
mod built_in;
mod equality;
mod problems;
mod text;

use std::fmt;
use std::time::Duration;

use super::resolver::{ChargePredicate, Resolver, role};
use super::rule::{RuleResolvers, Rules};
use crate::config::network::Networks;
use crate::http::Headers;
use crate::strategy::Strategy;
use crate::util::shared::Shared;
pub(crate) use built_in::MEMORY;
pub(crate) use equality::Same;
use text::Text;

macro_rules! settings {
    ($(#[$docs:meta])* pub struct Settings { $($name:ident: $constant:ty => $type:ty,)* }) => {
        $(#[$docs])*
        #[derive(Clone)]
        pub struct Settings {
            $( pub(crate) $name: Option<$type>, )*
        }

        /// The settings of an attribute, as a constant.
        #[doc(hidden)]
        #[derive(Clone, Copy)]
        pub struct Constant {
            $( pub $name: Option<$constant>, )*
        }

        impl Constant {
            /// No setting is set.
            pub const NONE: Self = Self { $( $name: None, )* };
        }

        impl From<Constant> for Settings {
            fn from(constant: Constant) -> Self {
                Self { $( $name: constant.$name.map(Into::into), )* }
            }
        }

        impl Settings {
            /// No setting is set.
            #[doc(hidden)]
            pub const NONE: Self = Self { $( $name: None, )* };

            /// Returns these settings. Settings that are not set are taken from `others`.
            ///
            /// ```
            /// use throttle::Settings;
            ///
            /// let settings = Settings::new().rate("5/min").or(Settings::new().rate("9/min").cost(2_u32));
            /// assert_eq!(settings.describe(), [("rate", "5/min".to_owned()), ("cost", "2".to_owned())]);
            /// ```
            #[must_use]
            pub fn or(self, others: Self) -> Self {
                Self { $( $name: self.$name.or(others.$name), )* }
            }

            /// Returns the settings that are set, as text: the name, and the value or the path of its function.
            pub fn describe(&self) -> Vec<(&'static str, String)> {
                let mut texts = Vec::new();
                $( texts.extend(self.$name.as_ref().map(|value| (stringify!($name), value.text()))); )*
                texts
            }

            /// Returns whether both are certainly the same. See [`Same`].
            pub(crate) fn same(&self, other: &Self) -> bool {
                true $( && self.$name.same(&other.$name) )*
            }
        }
    };
}

settings! {
    /// The settings of a throttle, from one place: the attribute, an override, a backend or the whole registry.
    /// Each setting is optional. A setting that is not set in one place is taken from the next place, in this
    /// order:
    ///
    /// 1. the settings that the throttle was [updated](crate::Throttle::update) with at run time,
    /// 2. the registry's [override](crate::RegistryBuilder::throttle) for the uid,
    /// 3. the attribute,
    /// 4. the settings of its [backend](crate::RegistryBuilder::backend_with),
    /// 5. the registry's [defaults](crate::RegistryBuilder::defaults),
    /// 6. the [built-in](Settings::BUILT_IN) settings.
    ///
    /// Each setter takes the same values as the attribute's argument of that name. A clone shares the values of
    /// the original. Values and functions are freed with the last settings and throttles that use them, so a
    /// program may create settings as often as it likes.
    ///
    /// ```
    /// use throttle::{Rate, Settings, strategy::Gcra};
    ///
    /// let settings = Settings::new().rate("50/min").strategy(Gcra::new().burst(5)).on_error("allow");
    /// assert_eq!(settings.describe()[0], ("rate", "50/min".to_owned()));
    /// ```
    pub struct Settings {
        rate: &'static dyn Resolver<role::rate> => Shared<dyn Resolver<role::rate>>,
        max_concurrent: u32 => u32,
        strategy: &'static dyn Strategy => Shared<dyn Strategy>,
        key: &'static dyn Resolver<role::key> => Shared<dyn Resolver<role::key>>,
        cost: &'static dyn Resolver<role::cost> => Shared<dyn Resolver<role::cost>>,
        class: &'static dyn Resolver<role::class> => Shared<dyn Resolver<role::class>>,
        caller: &'static dyn Resolver<role::caller> => Shared<dyn Resolver<role::caller>>,
        backend: &'static str => Shared<str>,
        on_error: &'static dyn Resolver<role::on_error> => Shared<dyn Resolver<role::on_error>>,
        handler: &'static dyn Resolver<role::handler> => Shared<dyn Resolver<role::handler>>,
        exempt: &'static dyn Resolver<role::exempt> => Shared<dyn Resolver<role::exempt>>,
        allow: Networks => Networks,
        deny: Networks => Networks,
        only: &'static [&'static dyn Resolver<role::rule>] => RuleResolvers,
        bypass: &'static [&'static dyn Resolver<role::rule>] => RuleResolvers,
        headers: Headers => Headers,
        dry_run: bool => bool,
        once_per_request: bool => bool,
        charge_when: &'static dyn ChargePredicate => Shared<dyn ChargePredicate>,
        degrade: bool => bool,
        timeout: Duration => Duration,
        total_timeout: Duration => Duration,
        permit_ttl: Duration => Duration,
    }
}

impl Settings {
    /// Creates settings of which none is set.
    pub const fn new() -> Self {
        Self::NONE
    }

    /// Returns the rules.
    pub(crate) fn rules(&self) -> Rules {
        let none = Rules::new();
        let or = |rules: &Option<RuleResolvers>, none| rules.clone().unwrap_or(none);
        Rules { only: or(&self.only, none.only), bypass: or(&self.bypass, none.bypass) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Debug for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Settings::from(*self).fmt(f)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.describe()).finish()
    }
}
