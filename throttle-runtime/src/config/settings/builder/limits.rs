//! Setters of the limits, and of what a request consumes.

use std::sync::Arc;
use std::time::Duration;

use crate::config::resolver::{ChargeWhen, IntoResolver, Shape, Web, charge_predicate, into_shared, role};
use crate::config::settings::Settings;
use crate::strategy::Strategy;
use crate::util::shared::Shared;

impl Settings {
    /// Sets the limits: a text such as `"100/min"`, a [`Rate`](crate::Rate), [`Rates`](crate::Rates), or an
    /// async fn that returns one of them.
    ///
    /// ```
    /// use axum::Extension;
    /// use throttle::{Rate, Settings};
    ///
    /// #[derive(Clone)]
    /// struct Account { paid: bool }
    ///
    /// async fn by_plan(Extension(account): Extension<Account>) -> Rate {
    ///     Rate::per_minute(if account.paid { 600 } else { 60 })
    /// }
    ///
    /// let settings = Settings::new().rate(by_plan);
    /// ```
    ///
    /// # Default
    ///
    /// No rate. A throttle needs a rate, or [`max_concurrent`](Self::max_concurrent).
    pub fn rate<M: 'static>(
        mut self,
        rate: impl Shape<role::rate, M, Web<()>> + IntoResolver<role::rate, M, Web<()>> + 'static,
    ) -> Self {
        self.rate = Some(into_shared(rate));
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

    /// Sets the time after which the concurrency permit of a process that is gone is free again, at least one
    /// millisecond. A running process renews its permits after half of that time, so requests may take as long
    /// as they like.
    ///
    /// ```
    /// use std::time::Duration;
    /// use throttle::Settings;
    ///
    /// let settings = Settings::new().max_concurrent(4).permit_ttl(Duration::from_secs(30));
    /// assert_eq!(settings.describe()[1], ("permit_ttl", "30s".to_owned()));
    /// ```
    ///
    /// # Default
    ///
    /// 60 seconds.
    #[doc(alias = "lease")]
    pub const fn permit_ttl(mut self, permit_ttl: Duration) -> Self {
        self.permit_ttl = Some(permit_ttl);
        self
    }

    /// Sets the strategy that enforces the limits.
    ///
    /// # Default
    ///
    /// [`FixedWindow`](crate::strategy::FixedWindow).
    pub fn strategy(mut self, strategy: impl Strategy) -> Self {
        self.strategy = Some(Shared::Counted(Arc::new(strategy)));
        self
    }

    /// Sets the cost of a request in units: a whole number, or an async fn that returns one. A request with
    /// cost 0 passes without a charge.
    ///
    /// ```
    /// use throttle::Settings;
    ///
    /// let exports = Settings::new().rate("1000/hour").cost(25_u32);
    /// assert_eq!(exports.describe()[1], ("cost", "25".to_owned()));
    /// ```
    ///
    /// # Default
    ///
    /// 1 unit.
    pub fn cost<M: 'static>(
        mut self,
        cost: impl Shape<role::cost, M, Web<()>> + IntoResolver<role::cost, M, Web<()>> + 'static,
    ) -> Self {
        self.cost = Some(into_shared(cost));
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

    /// Sets the predicate that decides which responses are charged: a plain fn of the response's status or parts
    /// that returns a `bool`, such as the functions in [`outcome`](crate::outcome). That module describes the
    /// details. A request that ends without a response is always charged.
    ///
    /// ```
    /// use throttle::{Settings, outcome};
    ///
    /// let logins = Settings::new().rate("5/15min").charge_when(outcome::unauthorized);
    /// assert_eq!(logins.describe()[1], ("charge_when", "outcome::unauthorized".to_owned()));
    /// ```
    ///
    /// # Default
    ///
    /// All responses are charged.
    pub fn charge_when<M: 'static>(mut self, outcome: impl ChargeWhen<M>) -> Self {
        self.charge_when = Some(Shared::Counted(Arc::new(charge_predicate(outcome))));
        self
    }
}
