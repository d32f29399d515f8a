//! The layer, and the methods that configure it.

use std::sync::Arc;

use tower_layer::Layer;

use super::plan::{Order, Plan};
use super::{Limiter, ThrottleService};
use crate::config::resolver::{IntoResolver, Shape, Web, role};
use crate::config::rule::Rules;
use crate::error::ConfigError;
use crate::registry::Registry;

/// A layer that limits the requests to a service: a router of axum, a gRPC server of tonic, or any other
/// [`tower`](https://docs.rs/tower) service of HTTP requests.
///
/// The layer can be above or below other layers, in any order. The body of the service's responses can be
/// every [`http_body::Body`] of `Bytes`, such as that of `TraceLayer` or `CompressionLayer`: see
/// [`ResponseBody`](super::ResponseBody).
///
/// A layer has one throttle or several. They decide as several attributes of a handler do: in order,
/// throttles on one backend all or nothing, and with the same headers. Attributes of the handlers inside are
/// decided afterwards, independently. The charge of a layer stays, even if an attribute then denies the
/// request.
///
/// A throttle that a layer and an attribute share charges a request once: see
/// [`Settings::once_per_request`](crate::Settings::once_per_request).
///
/// ```
/// use axum::http::Method;
/// use axum::{Router, routing::get};
/// use throttle::{Rule, Settings, ThrottleLayer};
///
/// # fn app() -> Result<Router, throttle::ConfigError> {
/// let limits = ThrottleLayer::new([
///     ("burst", Settings::new().rate("10/s")),
///     ("sustained", Settings::new().rate("1000/hour")),
/// ])
/// .only(Rule::path("/api/**"))
/// .bypass(Rule::path("/api/health").method(Method::GET))
/// .check()?;
/// let app = Router::new().route("/api/items", get(async || "ok")).layer(limits);
/// # Ok(app)
/// # }
/// # assert!(app().is_ok());
/// ```
///
/// # Responses
///
/// A denied request does not reach the service, and its body is not read. Its response is the same as that of
/// an attribute, made by the throttle's `handler` if it has one. All responses have the body of axum,
/// [`axum::body::Body`](https://docs.rs/axum/latest/axum/body/struct.Body.html).
///
/// gRPC requests, which have the content type `application/grpc`, receive a gRPC status. Handlers are not
/// called for them.
///
/// | outcome | gRPC status |
/// |---|---|
/// | a denial | `RESOURCE_EXHAUSTED`, with the message and, as metadata, the headers |
/// | a client on a `deny` list | `PERMISSION_DENIED` |
/// | the response of a function that refused the request | its translation, such as `UNAUTHENTICATED` for 401 |
/// | no decision | `INTERNAL` |
///
/// # Clients
///
/// The address of a client is an extension of the request: axum's `ConnectInfo<SocketAddr>`, or a bare
/// [`SocketAddr`](std::net::SocketAddr) that your program inserts before this layer. The active registry is
/// an extension of the request too, if it is neither that of the [scope](Registry::scope) nor the global one.
#[derive(Debug, Clone)]
pub struct ThrottleLayer(Arc<Plan>);

/// The throttles of a layer: an array, a vector or any other iterator of values that convert into a
/// [`Limiter`].
///
/// ```
/// use throttle::{Settings, ThrottleLayer};
///
/// let rates = [("burst", "10/s"), ("sustained", "1000/hour")];
/// let limits = ThrottleLayer::new(rates.map(|(uid, rate)| (uid, Settings::new().rate(rate))));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of throttles",
    label = "write the throttles of a layer in brackets",
    note = "write `ThrottleLayer::new([(\"api\", settings)])`, or `ThrottleLayer::new([&EXPORTS])` for a static"
)]
pub trait Limiters {
    /// Returns the limiters, in their order.
    fn limiters(self) -> Vec<Limiter>;
}

#[diagnostic::do_not_recommend]
impl<I: IntoIterator<Item: Into<Limiter>>> Limiters for I {
    fn limiters(self) -> Vec<Limiter> {
        self.into_iter().map(Into::into).collect()
    }
}

impl ThrottleLayer {
    /// Creates a layer with these throttles, in this order. Each is any [`Limiter`].
    ///
    /// If a throttle is misconfigured, requests receive status 500, unless [`check`](Self::check) finds the
    /// problem at startup.
    pub fn new(throttles: impl Limiters) -> Self {
        let limiters = throttles.limiters();
        Self(Arc::new(Plan { limiters, rules: Rules::new(), order: Order::Written }))
    }

    /// Adds a throttle after the others.
    ///
    /// ```
    /// use throttle::{Settings, StaticThrottle, ThrottleLayer, throttle};
    ///
    /// #[throttle(rate = "1000/s", key = global)]
    /// static ALL_CLIENTS: StaticThrottle;
    ///
    /// let limits = ThrottleLayer::new([("client", Settings::new().rate("10/s"))]).and(&ALL_CLIENTS);
    /// ```
    #[must_use]
    pub fn and(mut self, throttle: impl Into<Limiter>) -> Self {
        self.plan().limiters.push(throttle.into());
        self
    }

    /// Applies the layer only to requests that match a rule: a [`Rule`](crate::Rule), or an async function
    /// that returns a `bool`. With several such rules, a request has to match one of them. The throttles' own
    /// rules apply too.
    ///
    /// # Default
    ///
    /// The layer applies to all requests.
    #[must_use]
    pub fn only<M: 'static>(
        mut self,
        rule: impl Shape<role::rule, M, Web<()>> + IntoResolver<role::rule, M, Web<()>> + 'static,
    ) -> Self {
        let plan = self.plan();
        plan.rules = plan.rules.clone().only(rule);
        self
    }

    /// Excludes requests that match a rule from the layer, even if `only` matches them: a
    /// [`Rule`](crate::Rule), or an async function that returns a `bool`. With several such rules, a request
    /// has to match one of them.
    ///
    /// # Default
    ///
    /// No request is excluded.
    #[must_use]
    pub fn bypass<M: 'static>(
        mut self,
        rule: impl Shape<role::rule, M, Web<()>> + IntoResolver<role::rule, M, Web<()>> + 'static,
    ) -> Self {
        let plan = self.plan();
        plan.rules = plan.rules.clone().bypass(rule);
        self
    }

    /// Decides in the order in which the throttles are written. It ends [`cheap_first`](Self::cheap_first).
    ///
    /// ```
    /// let limits = throttle::ThrottleLayer::new(["api:search", "api"]).in_order();
    /// ```
    ///
    /// # Default
    ///
    /// The layer decides in this order.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.plan().order = Order::Written;
        self
    }

    /// Decides throttles with a lower cost first. Throttles with the same cost are decided in the order in
    /// which they are written. Throttles whose cost is a function are last.
    ///
    /// The order only matters for throttles on different backends: it determines which of them are called,
    /// and charged, before a later one denies. Throttles on one backend decide together.
    ///
    /// ```
    /// use throttle::{Settings, ThrottleLayer};
    ///
    /// let limits = ThrottleLayer::new([
    ///     ("exports", Settings::new().rate("100/hour").cost(10_u32).backend("redis")),
    ///     ("client", Settings::new().rate("10/s")),
    /// ])
    /// .cheap_first(); // `client` decides first
    /// ```
    #[must_use]
    pub fn cheap_first(mut self) -> Self {
        self.plan().order = Order::CheapFirst;
        self
    }

    /// Makes the throttles in the active registry, so that problems make the startup fail, and not the
    /// requests. Call it after the registry was installed.
    ///
    /// # Errors
    ///
    /// Returns every problem: a uid that is blank or taken, a uid alone that no throttle has, and settings
    /// that are invalid.
    pub fn check(self) -> Result<Self, ConfigError> {
        let registry = Registry::current_ref();
        let throttles =
            self.0.limiters.iter().map(|limiter| limiter.check().and(limiter.throttle(&registry).map(drop)));
        let problems: Vec<_> =
            throttles.filter_map(Result::err).flat_map(|error| error.problems().to_vec()).collect();
        if problems.is_empty() { Ok(self) } else { Err(ConfigError::new(problems)) }
    }

    fn plan(&mut self) -> &mut Plan {
        Arc::make_mut(&mut self.0)
    }
}

impl<S> Layer<S> for ThrottleLayer {
    type Service = ThrottleService<S>;

    fn layer(&self, inner: S) -> ThrottleService<S> {
        ThrottleService::new(inner, Arc::clone(&self.0))
    }
}
