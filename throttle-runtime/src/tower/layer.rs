//! The layer.

use std::sync::Arc;

use smallvec::SmallVec;
use tower_layer::Layer;

use super::{Limiter, ThrottleService};
use crate::plug::role::Shape;
use crate::plug::{Arg, Web, role};
use crate::rule::Rules;
use crate::{ConfigError, Registry, Throttle};

/// Limits the requests to a service: a router of axum, a gRPC server of tonic, or any other
/// [`tower`](https://docs.rs/tower) service of HTTP requests.
///
/// The layer stands above or below other layers in any order. The body of the service's responses can be every
/// [`http_body::Body`] of `Bytes`, such as that of `TraceLayer` or `CompressionLayer`: see
/// [`ResponseBody`](super::ResponseBody).
///
/// A layer has one throttle or several. They decide as several attributes of a handler do: in order, those on one
/// backend all or nothing, and with the same header fields. Attributes inside are decided afterwards and by
/// themselves. A throttle that a layer and an attribute share charges a request once: see
/// [`Settings::once_per_request`](crate::Settings::once_per_request). What a layer has charged stays charged if an attribute then
/// denies the request.
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
/// # Answers
///
/// A denied request does not reach the service, and its body is not read. Its response is the same as that of an
/// attribute, made by the throttle's `handler` if it has one. All responses have the body of axum,
/// [`axum::body::Body`](https://docs.rs/axum/latest/axum/body/struct.Body.html).
///
/// gRPC requests, those with the content type `application/grpc`, are answered by a status: `RESOURCE_EXHAUSTED` for
/// a denial, with the sentence and, as metadata, the headers; `PERMISSION_DENIED` for a client on a `deny` list; for the
/// response of a function that refused the request its translation, such as `UNAUTHENTICATED` for 401; and `INTERNAL`
/// if there is no decision. Handlers are not called for gRPC requests.
///
/// # Clients
///
/// The address of a client is an extension of the request: axum's `ConnectInfo<SocketAddr>`, or a bare
/// [`SocketAddr`](std::net::SocketAddr), which whoever knows it has to insert before this layer. So is the registry in charge, if it is not
/// that of the [scope](Registry::scope) or the global one.
#[derive(Debug, Clone)]
pub struct ThrottleLayer(Arc<Plan>);

/// What a layer does with requests.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    limiters: Vec<Limiter>,
    pub(super) rules: Rules,
    order: Order,
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Written,
    CheapFirst,
}

/// The throttles of a layer: an array, a vector or any other iterator of [`Limiter`]s and what becomes one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of throttles",
    label = "the throttles of a layer stand in brackets",
    note = "write `ThrottleLayer::new([(\"api\", settings)])`, or `ThrottleLayer::new([&EXPORTS])` for a static"
)]
pub trait Limiters {
    /// The limiters, in their order.
    fn limiters(self) -> Vec<Limiter>;
}

#[diagnostic::do_not_recommend]
impl<I: IntoIterator<Item: Into<Limiter>>> Limiters for I {
    fn limiters(self) -> Vec<Limiter> {
        self.into_iter().map(Into::into).collect()
    }
}

impl ThrottleLayer {
    /// A layer with these throttles, in this order: any [`Limiter`].
    ///
    /// What is wrong with them answers requests with status 500, unless [`check`](Self::check) finds it before.
    pub fn new(throttles: impl Limiters) -> Self {
        let limiters = throttles.limiters();
        Self(Arc::new(Plan { limiters, rules: Rules::new(), order: Order::Written }))
    }

    /// One more throttle, after the others.
    #[must_use]
    pub fn and(mut self, throttle: impl Into<Limiter>) -> Self {
        self.plan().limiters.push(throttle.into());
        self
    }

    /// Which requests the layer is about: a [`Rule`](crate::Rule), or an async fn that answers a `bool`. Of several
    /// any will do. The throttles' own rules hold too.
    #[must_use]
    pub fn only<M: 'static>(
        mut self,
        rule: impl Shape<role::rule, M, Web<()>> + Arg<role::rule, M, Web<()>> + 'static,
    ) -> Self {
        let plan = self.plan();
        plan.rules = plan.rules.clone().only(rule);
        self
    }

    /// Which requests the layer passes by, whatever `only` says: a [`Rule`](crate::Rule), or an async fn that answers
    /// a `bool`. Of several any will do.
    #[must_use]
    pub fn bypass<M: 'static>(
        mut self,
        rule: impl Shape<role::rule, M, Web<()>> + Arg<role::rule, M, Web<()>> + 'static,
    ) -> Self {
        let plan = self.plan();
        plan.rules = plan.rules.clone().bypass(rule);
        self
    }

    /// Decides in the order in which the throttles are written, which is the default.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.plan().order = Order::Written;
        self
    }

    /// Decides throttles of a lower cost first, those of the same cost in the order in which they are written, and
    /// those whose cost a function says last. The order tells which are asked, and charged, before another backend
    /// denies; on one backend all decide together.
    #[must_use]
    pub fn cheap_first(mut self) -> Self {
        self.plan().order = Order::CheapFirst;
        self
    }

    /// Makes the throttles in the registry that is in charge here, so that what is wrong stops the start of the
    /// program and not its requests. To be called after the registry was installed.
    ///
    /// # Errors
    ///
    /// Every problem: a uid that is taken, blank or, where it stands alone, unknown; settings that do not work.
    pub fn check(self) -> Result<Self, ConfigError> {
        let registry = Registry::in_charge();
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

impl Plan {
    /// The throttles in a registry, in the order in which they decide.
    pub(super) fn throttles(&self, registry: &Registry) -> Result<SmallVec<[Throttle; 2]>, ConfigError> {
        let mut throttles = SmallVec::new();
        for limiter in &self.limiters {
            throttles.push(limiter.throttle(registry)?);
        }
        if let Order::CheapFirst = self.order {
            // A cost that is not known in advance may be any.
            throttles.sort_by_key(|throttle: &Throttle| throttle.policy().units.unwrap_or(u64::MAX));
        }
        Ok(throttles)
    }

    /// The only throttle of the layer.
    pub(super) fn single(&self) -> Option<&Limiter> {
        if let [limiter] = &self.limiters[..] { Some(limiter) } else { None }
    }
}

impl<S> Layer<S> for ThrottleLayer {
    type Service = ThrottleService<S>;

    fn layer(&self, inner: S) -> ThrottleService<S> {
        ThrottleService::new(inner, Arc::clone(&self.0))
    }
}
