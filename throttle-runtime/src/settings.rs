//! How a throttle behaves, as far as somebody has said so.

mod changes;
mod same;
mod shared;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::same::Same;
pub(crate) use self::shared::Shared;
use crate::http::Headers;
use crate::http::source::Ip;
use crate::plug::role::Shape;
use crate::plug::{Arg, Ask, Call, ChargeWhen, Judge, Role, Web, judge, role, wrap};
use crate::rule::{Asked, and};
use crate::strategy::{FixedWindow, Strategy};
use crate::{ConfigError, Networks, OnError};

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
            /// No setting.
            pub const NONE: Self = Self { $( $name: None, )* };
        }

        impl From<Constant> for Settings {
            fn from(constant: Constant) -> Self {
                Self { $( $name: constant.$name.map(Into::into), )* }
            }
        }

        impl Settings {
            /// No setting.
            #[doc(hidden)]
            pub const NONE: Self = Self { $( $name: None, )* };

            /// These settings, and for what they leave open the others.
            #[must_use]
            pub fn or(self, others: Self) -> Self {
                Self { $( $name: self.$name.or(others.$name), )* }
            }

            /// What is said, as text: the setting's name and its value or its function's path.
            pub fn describe(&self) -> Vec<(&'static str, String)> {
                let mut said = Vec::new();
                $( said.extend(self.$name.as_ref().map(|value| (stringify!($name), value.text()))); )*
                said
            }

            /// Whether both say the same for certain: see [`Same`].
            pub(crate) fn same(&self, other: &Self) -> bool {
                true $( && self.$name.same(&other.$name) )*
            }
        }
    };
}

settings! {
    /// How a throttle behaves, as far as it is said at one place: in the attribute, as an override, for a
    /// backend or for the whole registry. What one place leaves open the next one settles:
    ///
    /// 1. what the throttle was [updated](crate::Throttle::update) with while the program runs,
    /// 2. the registry's [override](crate::RegistryBuilder::throttle) for the uid,
    /// 3. the attribute,
    /// 4. the settings of its [backend](crate::RegistryBuilder::backend_with),
    /// 5. the registry's [defaults](crate::RegistryBuilder::defaults),
    /// 6. the [built-in](Settings::BUILT_IN) ones.
    ///
    /// Each setter takes what the attribute's argument of that name takes. A clone shares the values of the original.
    /// Values and functions are freed with the last settings and throttles that use them, so a program may make new
    /// settings as often as it likes.
    ///
    /// ```
    /// use throttle::{Rate, Settings, strategy::Gcra};
    ///
    /// let settings = Settings::new().rate("50/min").strategy(Gcra::new().burst(5)).on_error("allow");
    /// assert_eq!(settings.describe()[0], ("rate", "50/min".to_owned()));
    /// ```
    pub struct Settings {
        rate: &'static dyn Ask<role::rate> => Shared<dyn Ask<role::rate>>,
        concurrent: u32 => u32,
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
        deadline: Duration => Duration,
        budget: Duration => Duration,
        lease: Duration => Duration,
    }
}

/// The name of the backend that is always there.
pub(crate) const MEMORY: &str = "memory";

impl Settings {
    /// What holds where nobody says otherwise: fixed windows in memory, per client address, cost 1, fail
    /// closed for a second, the fields of draft 11, and 100 ms for a backend to answer.
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
        deadline: Some(Duration::from_millis(100)),
        lease: Some(Duration::from_secs(60)),
        ..Self::NONE
    };

    /// What is wrong with the values that are said here.
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
        let nobody =
            self.concurrent.filter(|limit| *limit == 0).map(|_| "`concurrent` is 0, which lets nobody in");
        let short =
            self.lease.filter(|lease| lease.as_millis() == 0).map(|_| "a lease is at least a millisecond");
        let places = nobody.into_iter().chain(short).map(ToOwned::to_owned);
        wrong.chain(self.strategy.as_ref().and_then(|strategy| strategy.problem())).chain(places).collect()
    }

    /// Nothing said.
    pub const fn new() -> Self {
        Self::NONE
    }

    /// The limits: a text, a [`Rate`](crate::Rate), [`Rates`](crate::Rates), or an async fn that answers one.
    pub fn rate<M: 'static>(
        mut self,
        rate: impl Shape<role::rate, M, Web<()>> + Arg<role::rate, M, Web<()>> + 'static,
    ) -> Self {
        self.rate = Some(keep(rate));
        self
    }

    /// How many requests of one identity may be in flight at once, at least 1: alone, or beside a rate, and then both
    /// hold. On the backends `Memory` and `Redis`, and on those of your own that have
    /// [`Places`](crate::backend::Places).
    ///
    /// ```
    /// use throttle::{Registry, Settings};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let exports = Registry::current().create("exports", Settings::new().concurrent(1))?;
    /// let running = exports.enter("alice").await?;
    /// assert!(exports.enter("alice").await.is_err());
    /// drop(running);
    /// assert!(exports.enter("alice").await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// - A request has its place before any rate is charged, and one that finds none takes nothing of the rates. It is
    ///   free again when the body of the response has ended or is given up. With a `ThrottleLayer`, a body of another
    ///   type than axum's and of a known length frees it when the response is made.
    /// - It takes one place whatever it costs. Who is exempt, or passed by a rule, takes none.
    /// - A denial says to come back in a second. Nobody can know when a place is free, and so no header field says how
    ///   many there are.
    /// - [`Throttle::hit`](crate::Throttle::hit) takes no place, as nobody could say when it ends:
    ///   [`enter`](crate::Throttle::enter) does.
    pub const fn concurrent(mut self, at_once: u32) -> Self {
        self.concurrent = Some(at_once);
        self
    }

    /// How the limits are enforced.
    pub fn strategy(mut self, strategy: impl Strategy) -> Self {
        self.strategy = Some(Shared::Counted(Arc::new(strategy)));
        self
    }

    /// Who is counted together: [`key::Ip`](crate::key::Ip), its siblings there, or an async fn that answers
    /// an [`Identity`](crate::Identity) or anything that is one.
    pub fn key<M: 'static>(
        mut self,
        key: impl Shape<role::key, M, Web<()>> + Arg<role::key, M, Web<()>> + 'static,
    ) -> Self {
        self.key = Some(keep(key));
        self
    }

    /// What a request costs: a whole number, or an async fn that answers one. 0 passes freely.
    pub fn cost<M: 'static>(
        mut self,
        cost: impl Shape<role::cost, M, Web<()>> + Arg<role::cost, M, Web<()>> + 'static,
    ) -> Self {
        self.cost = Some(keep(cost));
        self
    }

    /// What kind of caller it is, for strategies that tell them apart: a name, a
    /// [`Class`](crate::strategy::Class), a [`Priority`](crate::strategy::Priority), or an async fn that answers
    /// one.
    pub fn class<M: 'static>(
        mut self,
        class: impl Shape<role::class, M, Web<()>> + Arg<role::class, M, Web<()>> + 'static,
    ) -> Self {
        self.class = Some(keep(class));
        self
    }

    /// Who the client is, and which limits apply to it: an async fn that returns a [`Caller`](crate::Caller). It runs
    /// once per request, and takes precedence over `key`, and over `rate` and `class` as far as the caller has them.
    pub fn caller<M: 'static>(
        mut self,
        caller: impl Shape<role::caller, M, Web<()>> + Arg<role::caller, M, Web<()>> + 'static,
    ) -> Self {
        self.caller = Some(keep(caller));
        self
    }

    /// The name of the backend.
    pub fn backend(mut self, name: impl Into<String>) -> Self {
        self.backend = Some(Shared::Counted(Arc::from(name.into())));
        self
    }

    /// What becomes of requests when the backend fails: `"allow"`, `"throttle"`, `"raise"`, an [`OnError`], a
    /// [`Recovery`](crate::Recovery), or an async fn of the [`Failure`](crate::Failure).
    pub fn on_error<M: 'static>(
        mut self,
        policy: impl Shape<role::on_error, M, Web<()>> + Arg<role::on_error, M, Web<()>> + 'static,
    ) -> Self {
        self.on_error = Some(keep(policy));
        self
    }

    /// Sets the function that makes the response to a denied request: an async fn of the [`Throttled`](crate::Throttled).
    ///
    /// It is also called for a client on the [`deny`](Self::deny) list, whose [`status`](crate::Throttled::status) is 403. As
    /// a default of the registry it also makes the response to a denial that the program raises with
    /// [`Throttled::new`](crate::Throttled::new), and its text is the message that a throttled WebSocket receives.
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

    /// Who is not limited: an async fn that answers a `bool`.
    pub fn exempt<M: 'static>(
        mut self,
        exempt: impl Shape<role::exempt, M, Web<()>> + Arg<role::exempt, M, Web<()>> + 'static,
    ) -> Self {
        self.exempt = Some(keep(exempt));
        self
    }

    /// The networks whose clients are not limited: a text such as `"10.0.0.0/8, 192.0.2.1"`, or [`Networks`]. They are
    /// counted as [skipped](crate::Counts::skipped).
    pub fn allow(mut self, networks: impl Into<Networks>) -> Self {
        self.allow = Some(networks.into());
        self
    }

    /// The networks whose clients are not let in, also if `allow` or `exempt` has them: a text, or [`Networks`]. They
    /// are answered with status 403, or `PERMISSION_DENIED` in gRPC, before anything else is asked, and counted as
    /// [forbidden](crate::Counts::forbidden).
    pub fn deny(mut self, networks: impl Into<Networks>) -> Self {
        self.deny = Some(networks.into());
        self
    }

    /// Which requests it is about: a [`Rule`](crate::Rule), or an async fn that answers a `bool`. Of several said
    /// here any will do; requests that none of them means are not limited.
    pub fn only<M: 'static>(
        mut self,
        rule: impl Shape<role::rule, M, Web<()>> + Arg<role::rule, M, Web<()>> + 'static,
    ) -> Self {
        self.only = Some(and(self.only.as_ref(), keep(rule)));
        self
    }

    /// Which requests it passes by, whatever `only` says: a [`Rule`](crate::Rule), or an async fn that answers a
    /// `bool`. Of several said here any will do.
    pub fn bypass<M: 'static>(
        mut self,
        rule: impl Shape<role::rule, M, Web<()>> + Arg<role::rule, M, Web<()>> + 'static,
    ) -> Self {
        self.bypass = Some(and(self.bypass.as_ref(), keep(rule)));
        self
    }

    /// Which header fields the answers carry.
    pub const fn headers(mut self, headers: Headers) -> Self {
        self.headers = Some(headers);
        self
    }

    /// Whether decisions are made and counted, but not enforced.
    pub const fn dry_run(mut self, on: bool) -> Self {
        self.dry_run = Some(on);
        self
    }

    /// Whether a request that reaches the throttle several times is charged once; `true` by default. It reaches the throttle
    /// several times if a layer and a handler have it, a middleware and a handler, or two layers.
    ///
    /// The first decision counts: a second one for the same key charges nothing, takes no slot of `concurrent`, and adds
    /// no headers. If the second use has a higher cost, the difference is charged. Another key is charged in any case. Calls
    /// from code and messages of WebSockets are uses of their own.
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

    /// Which responses are charged: a plain fn of the response's status or head that answers a `bool`, such as those in
    /// [`outcome`](crate::outcome), where more is said of it. All are, unless said otherwise, and so is whatever ends
    /// without a response.
    pub fn charge_when<M: 'static>(mut self, outcome: impl ChargeWhen<M>) -> Self {
        self.charge_when = Some(Shared::Counted(Arc::new(judge(outcome))));
        self
    }

    /// Whether a denial lets the request go on, and tells its handler by a [`Decision`](crate::Decision), which it
    /// takes as an argument: so that it does less instead of nothing. The denial is counted as one, and takes
    /// nothing. Where nobody can be told, requests are denied as by any other throttle: functions that are no
    /// handlers, messages, and handlers with a key that is made of their arguments.
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

    /// How long a backend may take for one attempt at a decision, with all queueing and connecting; 100 ms by default.
    /// Backends that answer immediately are not timed.
    ///
    /// Only time in which the process runs counts. While a CPU limit, a blocking call or a suspended machine pauses the
    /// process, its timers and its replies are late together. So a request that was paused reads what has arrived, and
    /// waits for the rest of its deadline. If nothing arrives, its timeout does not count for a circuit breaker.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How long all attempts at a decision and the waits between them may take together; then the next stage of
    /// [`on_error`](Self::on_error) is taken. Unless said otherwise it is what they come to at most: the retries and
    /// the first attempt, a [deadline](Self::deadline) each, and the waits.
    pub const fn budget(mut self, budget: Duration) -> Self {
        self.budget = Some(budget);
        self
    }

    /// After which time the place of a request in flight is free again whose process is gone; a minute unless said
    /// otherwise, and at least a millisecond. Who is still there says so at half of it, so requests may take as long as they like.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }
}

/// An argument as a value of settings; functions take no memory.
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

/// What a setting looks like in a listing.
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
