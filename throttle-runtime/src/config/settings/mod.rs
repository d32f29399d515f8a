//! The settings of a throttle.
//!
//! All places where settings can be set use one type, so resolving them is `a.or(b).or(c)`. Values are [static
//! or reference-counted](Shared): attributes contain constants, and values that a program creates are freed.

mod diff;
mod equality;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::key_source::Ip;
use super::resolver::role::Shape;
use super::resolver::{Arg, Ask, Call, ChargeWhen, Judge, Role, Web, judge, role, wrap};
use super::rule::{Asked, and};
use crate::http::Headers;
use crate::strategy::{FixedWindow, Strategy};
use crate::util::shared::Shared;
use crate::{ConfigError, Networks, OnError};
pub(crate) use equality::Same;

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
            #[must_use]
            pub fn or(self, others: Self) -> Self {
                Self { $( $name: self.$name.or(others.$name), )* }
            }

            /// Returns the settings that are set, as text: the name, and the value or the path of its function.
            pub fn describe(&self) -> Vec<(&'static str, String)> {
                let mut said = Vec::new();
                $( said.extend(self.$name.as_ref().map(|value| (stringify!($name), value.text()))); )*
                said
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
        rate: &'static dyn Ask<role::rate> => Shared<dyn Ask<role::rate>>,
        max_concurrent: u32 => u32,
        strategy: &'static dyn Strategy => Shared<dyn Strategy>,
        key: &'static dyn Ask<role::key> => Shared<dyn Ask<role::key>>,
        cost: &'static dyn Ask<role::cost> => Shared<dyn Ask<role::cost>>,
        class: &'static dyn Ask<role::class> => Shared<dyn Ask<role::class>>,
        caller: &'static dyn Ask<role::caller> => Shared<dyn Ask<role::caller>>,
        backend: &'static str => Shared<str>,
        on_error: &'static dyn Ask<role::on_error> => Shared<dyn Ask<role::on_error>>,
        handler: &'static dyn Ask<role::handler> => Shared<dyn Ask<role::handler>>,
        exempt: &'static dyn Ask<role::exempt> => Shared<dyn Ask<role::exempt>>,
        allow: Networks => Networks,
        deny: Networks => Networks,
        only: &'static [&'static dyn Ask<role::rule>] => Asked,
        bypass: &'static [&'static dyn Ask<role::rule>] => Asked,
        headers: Headers => Headers,
        dry_run: bool => bool,
        once_per_request: bool => bool,
        charge_when: &'static dyn Judge => Shared<dyn Judge>,
        degrade: bool => bool,
        timeout: Duration => Duration,
        total_timeout: Duration => Duration,
        permit_ttl: Duration => Duration,
    }
}

/// The name of the backend that always exists.
pub(crate) const MEMORY: &str = "memory";

impl Settings {
    /// The built-in settings, which apply if a setting is not set in any other place.
    ///
    /// | setting | value |
    /// |---|---|
    /// | `strategy` | [`FixedWindow`] |
    /// | `key` | the client address, [`key::Ip`](crate::key_source::Ip) |
    /// | `cost` | 1 unit |
    /// | `backend` | `"memory"` |
    /// | `on_error` | throttle for 1 second |
    /// | `headers` | [`Headers::DRAFT_11`] |
    /// | `dry_run` | `false` |
    /// | `once_per_request` | `true` |
    /// | `degrade` | `false` |
    /// | `timeout` | 100 ms |
    /// | `permit_ttl` | 60 s |
    ///
    /// All other settings are not set.
    pub const BUILT_IN: Self = Self {
        strategy: Some(Shared::Static(&FixedWindow)),
        key: Some(Shared::Static(&wrap::<role::key, _, _, Call>(Ip))),
        cost: Some(Shared::Static(&wrap::<role::cost, _, _, Call>(1_u32))),
        backend: Some(Shared::Static(MEMORY)),
        on_error: Some(Shared::Static(&wrap::<role::on_error, _, _, Call>(OnError::Throttle(
            Duration::from_secs(1),
        )))),
        headers: Some(Headers::DRAFT_11),
        dry_run: Some(false),
        once_per_request: Some(true),
        degrade: Some(false),
        timeout: Some(Duration::from_millis(100)),
        permit_ttl: Some(Duration::from_secs(60)),
        ..Self::NONE
    };

    /// Returns what is wrong with the values of these settings.
    pub(crate) fn problems(&self) -> Vec<String> {
        fn wrong<R: Role>(said: Option<&Shared<dyn Ask<R>>>) -> Option<ConfigError> {
            said.and_then(|said| said.value()).and_then(Result::err)
        }
        let wrong = [
            wrong(self.rate.as_ref()),
            wrong(self.cost.as_ref()),
            wrong(self.class.as_ref()),
            wrong(self.on_error.as_ref()),
        ];
        let wrong = wrong.into_iter().flatten().flat_map(|error| error.problems().to_vec());
        let nobody = self
            .max_concurrent
            .filter(|limit| *limit == 0)
            .map(|_| "`max_concurrent` is 0, which rejects every request");
        let short = self
            .permit_ttl
            .filter(|ttl| ttl.as_millis() == 0)
            .map(|_| "`permit_ttl` is at least a millisecond");
        let places = nobody.into_iter().chain(short).map(ToOwned::to_owned);
        wrong.chain(self.strategy.as_ref().and_then(|strategy| strategy.problem())).chain(places).collect()
    }

    /// Creates settings of which none is set.
    pub const fn new() -> Self {
        Self::NONE
    }

    /// Sets the limits: a text such as `"100/min"`, a [`Rate`](crate::Rate), [`Rates`](crate::Rates), or an
    /// async fn that returns one of them.
    pub fn rate<M: 'static>(
        mut self,
        rate: impl Shape<role::rate, M, Web<()>> + Arg<role::rate, M, Web<()>> + 'static,
    ) -> Self {
        self.rate = Some(keep(rate));
        self
    }

    /// Sets the concurrency limit: how many requests of one identity may be in flight concurrently, at least 1.
    /// It works alone or with a rate; with a rate, both limits apply.
    ///
    /// The backends `Memory` and `Redis` support it, and so do backends of your own that have
    /// [`ConcurrencyStore`](crate::backend::ConcurrencyStore).
    ///
    /// ```
    /// use throttle::{Registry, Settings};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let exports = Registry::current().create("exports", Settings::new().max_concurrent(1))?;
    /// let running = exports.permit("alice").await?;
    /// assert!(exports.permit("alice").await.is_err());
    /// drop(running);
    /// assert!(exports.permit("alice").await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// - A request acquires a permit before any rate is charged. A request that gets no permit consumes no
    ///   quota.
    /// - The permit is released when the body of the response has ended or is dropped. With a `ThrottleLayer`,
    ///   a body of a type other than axum's, with a known length, releases it when the response is created.
    /// - A request takes one permit, whatever its cost. Requests that are exempt, or bypassed by a rule, take
    ///   none.
    /// - A denial has a wait of one second. No header contains the limit, because it cannot be predicted when a
    ///   permit becomes free.
    /// - [`Throttle::hit`](crate::Throttle::hit) takes no permit, because it is unknown when the use ends. Use
    ///   [`permit`](crate::Throttle::permit) instead.
    ///
    /// # Default
    ///
    /// No concurrency limit.
    pub const fn max_concurrent(mut self, at_once: u32) -> Self {
        self.max_concurrent = Some(at_once);
        self
    }

    /// Sets the strategy that enforces the limits.
    ///
    /// # Default
    ///
    /// [`FixedWindow`].
    pub fn strategy(mut self, strategy: impl Strategy) -> Self {
        self.strategy = Some(Shared::Counted(Arc::new(strategy)));
        self
    }

    /// Sets the identity that requests are counted under: [`key::Ip`](crate::key_source::Ip), another type of that
    /// module, or an async fn that returns an [`Identity`](crate::Identity) or a value that converts into one.
    ///
    /// # Default
    ///
    /// The client address, [`key::Ip`](crate::key_source::Ip).
    pub fn key<M: 'static>(
        mut self,
        key: impl Shape<role::key, M, Web<()>> + Arg<role::key, M, Web<()>> + 'static,
    ) -> Self {
        self.key = Some(keep(key));
        self
    }

    /// Sets the cost of a request in units: a whole number, or an async fn that returns one. A request with
    /// cost 0 passes without a charge.
    ///
    /// # Default
    ///
    /// 1 unit.
    pub fn cost<M: 'static>(
        mut self,
        cost: impl Shape<role::cost, M, Web<()>> + Arg<role::cost, M, Web<()>> + 'static,
    ) -> Self {
        self.cost = Some(keep(cost));
        self
    }

    /// Sets the class of the caller, for strategies that distinguish callers: a name, a
    /// [`Class`](crate::strategy::Class), a [`Priority`](crate::strategy::Priority), or an async fn that
    /// returns one of them.
    ///
    /// # Default
    ///
    /// No class.
    pub fn class<M: 'static>(
        mut self,
        class: impl Shape<role::class, M, Web<()>> + Arg<role::class, M, Web<()>> + 'static,
    ) -> Self {
        self.class = Some(keep(class));
        self
    }

    /// Sets the function that returns the client's key and the limits that apply to it: an async fn that
    /// returns a [`Caller`](crate::Caller). It runs once per request. It takes precedence over `key`, and over
    /// `rate` and `class` if the caller has them.
    ///
    /// # Default
    ///
    /// No function.
    pub fn caller<M: 'static>(
        mut self,
        caller: impl Shape<role::caller, M, Web<()>> + Arg<role::caller, M, Web<()>> + 'static,
    ) -> Self {
        self.caller = Some(keep(caller));
        self
    }

    /// Sets the name of the backend.
    ///
    /// # Default
    ///
    /// `"memory"`.
    pub fn backend(mut self, name: impl Into<String>) -> Self {
        self.backend = Some(Shared::Counted(Arc::from(name.into())));
        self
    }

    /// Sets what happens to requests when the backend fails: `"allow"`, `"throttle"`, `"raise"`, an
    /// [`OnError`], a [`Recovery`](crate::Recovery), or an async fn of the [`Failure`](crate::Failure).
    ///
    /// # Default
    ///
    /// Requests are throttled, with a wait of 1 second.
    pub fn on_error<M: 'static>(
        mut self,
        policy: impl Shape<role::on_error, M, Web<()>> + Arg<role::on_error, M, Web<()>> + 'static,
    ) -> Self {
        self.on_error = Some(keep(policy));
        self
    }

    /// Sets the function that creates the response to a denied request: an async fn of the
    /// [`Throttled`](crate::Throttled).
    ///
    /// It is also called for a client on the [`deny`](Self::deny) list. Then the
    /// [`status`](crate::Throttled::status) is 403. As a default of the registry, it also creates the response
    /// to a denial that the program creates with [`Throttled::new`](crate::Throttled::new), and its text is the
    /// message that a throttled WebSocket receives.
    ///
    /// # Default
    ///
    /// Status 429, or 403 for a client on a `deny` list, with one sentence as plain text.
    #[cfg(feature = "axum")]
    pub fn handler<M: 'static>(
        mut self,
        handler: impl Shape<role::handler, M, Web<()>> + Arg<role::handler, M, Web<()>> + 'static,
    ) -> Self {
        self.handler = Some(keep(handler));
        self
    }

    /// Sets which requests are not limited: an async fn that returns a `bool`.
    ///
    /// # Default
    ///
    /// None are exempt.
    pub fn exempt<M: 'static>(
        mut self,
        exempt: impl Shape<role::exempt, M, Web<()>> + Arg<role::exempt, M, Web<()>> + 'static,
    ) -> Self {
        self.exempt = Some(keep(exempt));
        self
    }

    /// Sets the networks whose clients are not limited: a text such as `"10.0.0.0/8, 192.0.2.1"`, or
    /// [`Networks`]. Their requests are counted as [skipped](crate::Counts::skipped).
    ///
    /// # Default
    ///
    /// No networks.
    pub fn allow(mut self, networks: impl Into<Networks>) -> Self {
        self.allow = Some(networks.into());
        self
    }

    /// Sets the networks whose clients are rejected, even if `allow` or `exempt` applies to them: a text, or
    /// [`Networks`].
    ///
    /// Such a request receives status 403, or `PERMISSION_DENIED` in gRPC, before any other setting is
    /// evaluated. It is counted as [forbidden](crate::Counts::forbidden).
    ///
    /// # Default
    ///
    /// No networks.
    pub fn deny(mut self, networks: impl Into<Networks>) -> Self {
        self.deny = Some(networks.into());
        self
    }

    /// Limits only requests that match a rule: a [`Rule`](crate::Rule), or an async fn that returns a `bool`.
    /// If `only` is called several times, one matching rule is enough. Requests that match no rule are not
    /// limited.
    ///
    /// # Default
    ///
    /// All requests are limited.
    pub fn only<M: 'static>(
        mut self,
        rule: impl Shape<role::rule, M, Web<()>> + Arg<role::rule, M, Web<()>> + 'static,
    ) -> Self {
        self.only = Some(and(self.only.as_ref(), keep(rule)));
        self
    }

    /// Excludes requests that match a rule from the limits, whatever `only` contains: a [`Rule`](crate::Rule),
    /// or an async fn that returns a `bool`. If `bypass` is called several times, one matching rule is enough.
    ///
    /// # Default
    ///
    /// No request is excluded.
    pub fn bypass<M: 'static>(
        mut self,
        rule: impl Shape<role::rule, M, Web<()>> + Arg<role::rule, M, Web<()>> + 'static,
    ) -> Self {
        self.bypass = Some(and(self.bypass.as_ref(), keep(rule)));
        self
    }

    /// Sets which headers the responses carry.
    ///
    /// # Default
    ///
    /// [`Headers::DRAFT_11`].
    pub const fn headers(mut self, headers: Headers) -> Self {
        self.headers = Some(headers);
        self
    }

    /// Sets dry-run mode, in which decisions are made and counted, but not enforced.
    ///
    /// # Default
    ///
    /// `false`.
    pub const fn dry_run(mut self, on: bool) -> Self {
        self.dry_run = Some(on);
        self
    }

    /// Sets whether a request that reaches the throttle several times is charged once. It reaches the throttle
    /// several times if a layer and a handler have it, a middleware and a handler, or two layers.
    ///
    /// The first decision counts. A second decision for the same key charges nothing, takes no permit of
    /// `max_concurrent`, and adds no headers. If the second use has a higher cost, the difference is charged.
    /// Another key is charged in any case. Calls from code and messages of WebSockets are always charged as
    /// uses of their own.
    ///
    /// # Default
    ///
    /// `true`.
    ///
    /// ```
    /// use throttle::Settings;
    ///
    /// // Each attempt of a retry layer counts, also below a layer with this throttle.
    /// let attempts = Settings::new().rate("100/min").once_per_request(false);
    /// ```
    pub const fn once_per_request(mut self, on: bool) -> Self {
        self.once_per_request = Some(on);
        self
    }

    /// Sets the predicate that decides which responses are charged: a plain fn of the response's status or head
    /// that returns a `bool`, such as the functions in [`outcome`](super::outcome). That module describes the
    /// details. A request that ends without a response is always charged.
    ///
    /// # Default
    ///
    /// All responses are charged.
    pub fn charge_when<M: 'static>(mut self, outcome: impl ChargeWhen<M>) -> Self {
        self.charge_when = Some(Shared::Counted(Arc::new(judge(outcome))));
        self
    }

    /// Sets whether a denied request continues to its handler. The handler takes a
    /// [`Decision`](crate::Decision) as an argument, so that it can do less instead of nothing.
    ///
    /// The denial is counted as a denial, and consumes no quota. Requests are denied as by any other throttle
    /// if no handler can receive the decision: in functions that are not handlers, for messages, and in
    /// handlers with a key that is made of their arguments.
    ///
    /// ```
    /// use throttle::{Decision, throttle};
    ///
    /// #[throttle(rate = "100/min", degrade)]
    /// async fn search(decision: Decision) -> &'static str {
    ///     if decision.is_throttled() { "from the cache" } else { "from the index" }
    /// }
    /// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(search));
    /// ```
    pub const fn degrade(mut self, on: bool) -> Self {
        self.degrade = Some(on);
        self
    }

    /// Sets the timeout of one attempt at a decision, including queueing and connecting. Backends that answer
    /// immediately have no timeout.
    ///
    /// Only time in which the process runs counts. While a CPU limit, a blocking call or a suspended machine
    /// pauses the process, its timers and its replies are late together. So a request that was paused reads
    /// what has arrived, and waits for the rest of its timeout. If nothing arrives, its timeout does not count
    /// for a circuit breaker.
    ///
    /// # Default
    ///
    /// 100 ms.
    #[doc(alias = "deadline")]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the timeout of all attempts at a decision, including the waits between them. When it has passed,
    /// the next stage of [`on_error`](Self::on_error) applies.
    ///
    /// # Default
    ///
    /// The maximum that the attempts can take: a [timeout](Self::timeout) for the first attempt and for each
    /// retry, and the waits between them.
    #[doc(alias = "budget")]
    pub const fn total_timeout(mut self, total_timeout: Duration) -> Self {
        self.total_timeout = Some(total_timeout);
        self
    }

    /// Sets the time after which the concurrency permit of a process that is gone is free again, at least one
    /// millisecond. A running process renews its permits after half of that time, so requests may take as long
    /// as they like.
    ///
    /// # Default
    ///
    /// 60 seconds.
    #[doc(alias = "lease")]
    pub const fn permit_ttl(mut self, permit_ttl: Duration) -> Self {
        self.permit_ttl = Some(permit_ttl);
        self
    }
}

/// Wraps an argument as a value of settings. Functions take no memory.
pub(crate) fn keep<R, A, M: 'static>(arg: A) -> Shared<dyn Ask<R>>
where
    R: Role,
    A: Arg<R, M, Web<()>> + 'static,
{
    Shared::Counted(Arc::new(wrap(arg)))
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

/// The text of a setting in a listing.
trait Text {
    fn text(&self) -> String;
}

impl<R: Role> Text for Shared<dyn Ask<R>> {
    fn text(&self) -> String {
        self.describe()
    }
}

impl Text for Shared<dyn Judge> {
    fn text(&self) -> String {
        self.describe().to_owned()
    }
}

impl Text for Asked {
    fn text(&self) -> String {
        self.iter().map(|rule| rule.describe()).collect::<Vec<_>>().join(", ")
    }
}

macro_rules! debug_text {
    ($($type:ty),*) => { $(
        impl Text for $type {
            fn text(&self) -> String {
                format!("{self:?}")
            }
        }
    )* };
}

debug_text!(Shared<dyn Strategy>, Headers, Networks, bool, u32, Duration);

impl Text for Shared<str> {
    fn text(&self) -> String {
        (**self).to_owned()
    }
}
