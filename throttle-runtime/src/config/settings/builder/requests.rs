//! Setters of the requests that are limited, and of the clients that they are counted under.

use crate::config::network::Networks;
use crate::config::resolver::{IntoResolver, Shape, Web, into_shared, role};
use crate::config::rule::and;
use crate::config::settings::Settings;

impl Settings {
    /// Sets the identity that requests are counted under: [`key::Ip`](crate::key_source::Ip), another type of that
    /// module, or an async fn that returns an [`Identity`](crate::Identity) or a value that converts into one.
    ///
    /// ```
    /// use throttle::{Settings, key};
    ///
    /// let settings = Settings::new().rate("100/min").key(key::Global);
    /// assert_eq!(settings.describe()[1], ("key", "global".to_owned()));
    /// ```
    ///
    /// # Default
    ///
    /// The client address, [`key::Ip`](crate::key_source::Ip).
    pub fn key<M: 'static>(
        mut self,
        key: impl Shape<role::key, M, Web<()>> + IntoResolver<role::key, M, Web<()>> + 'static,
    ) -> Self {
        self.key = Some(into_shared(key));
        self
    }

    /// Sets the function that returns the client's key and the limits that apply to it: an async fn that
    /// returns a [`Caller`](crate::Caller). It runs once per request. It takes precedence over `key`, and over
    /// `rate` and `class` if the caller has them.
    ///
    /// ```
    /// use throttle::{Caller, ClientIp, Settings};
    ///
    /// async fn guest(client: ClientIp) -> Caller {
    ///     Caller::new(client).class("free")
    /// }
    ///
    /// let settings = Settings::new().rate("60/min").caller(guest);
    /// ```
    ///
    /// # Default
    ///
    /// No function.
    pub fn caller<M: 'static>(
        mut self,
        caller: impl Shape<role::caller, M, Web<()>> + IntoResolver<role::caller, M, Web<()>> + 'static,
    ) -> Self {
        self.caller = Some(into_shared(caller));
        self
    }

    /// Sets the class of the caller, for strategies that distinguish callers: a name, a
    /// [`Class`](crate::strategy::Class), a [`Priority`](crate::strategy::Priority), or an async fn that
    /// returns one of them.
    ///
    /// ```
    /// use throttle::{Settings, strategy::TieredRate};
    ///
    /// let partners = Settings::new().rate("10/min").strategy(TieredRate::new()).class("premium");
    /// ```
    ///
    /// # Default
    ///
    /// No class.
    pub fn class<M: 'static>(
        mut self,
        class: impl Shape<role::class, M, Web<()>> + IntoResolver<role::class, M, Web<()>> + 'static,
    ) -> Self {
        self.class = Some(into_shared(class));
        self
    }

    /// Sets which requests are not limited: an async fn that returns a `bool`.
    ///
    /// ```
    /// use axum::http::Method;
    /// use throttle::Settings;
    ///
    /// async fn is_preflight(method: Method) -> bool {
    ///     method == Method::OPTIONS
    /// }
    ///
    /// let settings = Settings::new().rate("100/min").exempt(is_preflight);
    /// ```
    ///
    /// # Default
    ///
    /// None are exempt.
    pub fn exempt<M: 'static>(
        mut self,
        exempt: impl Shape<role::exempt, M, Web<()>> + IntoResolver<role::exempt, M, Web<()>> + 'static,
    ) -> Self {
        self.exempt = Some(into_shared(exempt));
        self
    }

    /// Sets the networks whose clients are not limited: a text such as `"10.0.0.0/8, 192.0.2.1"`, or
    /// [`Networks`]. Their requests are counted as [skipped](crate::Counts::skipped).
    ///
    /// ```
    /// use throttle::Settings;
    ///
    /// let settings = Settings::new().rate("100/min").allow("10.0.0.0/8, 192.0.2.1");
    /// assert_eq!(settings.describe()[1], ("allow", "10.0.0.0/8, 192.0.2.1".to_owned()));
    /// ```
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
    /// ```
    /// use throttle::{Networks, Settings};
    ///
    /// let denied = Networks::file("/etc/my-service/deny.txt").admit_unknown();
    /// let settings = Settings::new().rate("100/min").deny(denied);
    /// ```
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
    /// ```
    /// use throttle::{Rule, Settings};
    ///
    /// let settings = Settings::new().rate("100/min").only(Rule::path("/api/**")).only(Rule::path("/search"));
    /// assert_eq!(settings.describe()[1], ("only", "/api/**, /search".to_owned()));
    /// ```
    ///
    /// # Default
    ///
    /// All requests are limited.
    pub fn only<M: 'static>(
        mut self,
        rule: impl Shape<role::rule, M, Web<()>> + IntoResolver<role::rule, M, Web<()>> + 'static,
    ) -> Self {
        self.only = Some(and(self.only.as_ref(), into_shared(rule)));
        self
    }

    /// Excludes requests that match a rule from the limits, whatever `only` contains: a [`Rule`](crate::Rule),
    /// or an async fn that returns a `bool`. If `bypass` is called several times, one matching rule is enough.
    ///
    /// ```
    /// use axum::http::Method;
    /// use throttle::{Rule, Settings};
    ///
    /// let settings = Settings::new().rate("100/min").bypass(Rule::path("/health").method(Method::GET));
    /// assert_eq!(settings.describe()[1], ("bypass", "GET /health".to_owned()));
    /// ```
    ///
    /// # Default
    ///
    /// No request is excluded.
    pub fn bypass<M: 'static>(
        mut self,
        rule: impl Shape<role::rule, M, Web<()>> + IntoResolver<role::rule, M, Web<()>> + 'static,
    ) -> Self {
        self.bypass = Some(and(self.bypass.as_ref(), into_shared(rule)));
        self
    }
}
