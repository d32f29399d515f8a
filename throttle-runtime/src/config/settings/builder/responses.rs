//! Setters of the effects of a denial: the response and its headers, degraded responses and dry-run mode.

#[cfg(feature = "axum")]
use crate::config::resolver::{IntoResolver, Shape, Web, into_shared, role};
use crate::config::settings::Settings;
use crate::http::Headers;

impl Settings {
    /// Sets the function that creates the response to a denied request: an async fn of the
    /// [`Throttled`](crate::Throttled).
    ///
    /// It is also called for a client on the [`deny`](Self::deny) list. Then the
    /// [`status`](crate::Throttled::status) is 403. As a default of the registry, it also creates the response
    /// to a denial that the program creates with [`Throttled::new`](crate::Throttled::new), and its text is the
    /// message that a throttled WebSocket receives.
    ///
    /// ```
    /// use axum::http::StatusCode;
    /// use throttle::{Settings, Throttled};
    ///
    /// async fn sorry(throttled: Throttled) -> (StatusCode, String) {
    ///     (throttled.status(), format!("{} is busy", throttled.uid()))
    /// }
    ///
    /// let settings = Settings::new().rate("100/min").handler(sorry);
    /// ```
    ///
    /// # Default
    ///
    /// Status 429, or 403 for a client on a `deny` list, with one sentence as plain text.
    #[cfg(feature = "axum")]
    pub fn handler<M: 'static>(
        mut self,
        handler: impl Shape<role::handler, M, Web<()>> + IntoResolver<role::handler, M, Web<()>> + 'static,
    ) -> Self {
        self.handler = Some(into_shared(handler));
        self
    }

    /// Sets which headers the responses carry.
    ///
    /// ```
    /// use throttle::{Headers, Settings};
    ///
    /// let settings = Settings::new().rate("100/min").headers(Headers::LEGACY);
    /// ```
    ///
    /// # Default
    ///
    /// [`Headers::DRAFT_11`].
    pub const fn headers(mut self, headers: Headers) -> Self {
        self.headers = Some(headers);
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
    ///
    /// # Default
    ///
    /// `false`.
    pub const fn degrade(mut self, on: bool) -> Self {
        self.degrade = Some(on);
        self
    }

    /// Sets dry-run mode, in which decisions are made and counted, but not enforced.
    ///
    /// ```
    /// use throttle::Settings;
    ///
    /// let settings = Settings::new().rate("100/min").dry_run(true);
    /// assert_eq!(settings.describe()[1], ("dry_run", "true".to_owned()));
    /// ```
    ///
    /// # Default
    ///
    /// `false`.
    pub const fn dry_run(mut self, on: bool) -> Self {
        self.dry_run = Some(on);
        self
    }
}
