//! The registry: the throttles of a program, and the backends, defaults and overrides that they use.

mod builder;
pub(crate) mod check;
mod control;
mod current;
mod lifecycle;
pub(crate) mod linked_sites;
pub(crate) mod names;
pub(crate) mod site;
#[cfg(feature = "axum")]
pub(crate) mod site_index;
mod throttles;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, RwLock};

pub use builder::{RegistryBuilder, registry};
pub use current::Scoped;
use http::request::Parts;

use crate::backend::Memory;
pub(crate) use crate::backend::named::NamedBackend;
use crate::clock::SystemClock;
#[cfg(feature = "axum")]
use crate::config::resolver::Resolver;
#[cfg(feature = "axum")]
use crate::config::resolver::role;
use crate::config::settings::MEMORY;
use crate::config::settings::Settings;
use crate::environment::{Declared, Environment};
use crate::http::ClientIp;
use crate::http::client::Clients;
use crate::resilience::Breaker;
use crate::throttle::Throttle;
#[cfg(feature = "axum")]
use crate::util::shared::Shared;
use names::Names;

/// The throttles of a program, and what they run on: backends by name, defaults and overrides.
///
/// There is one global registry: the [installed](RegistryBuilder::install) one, or else a default one with
/// the memory backend. Other registries can be [built](RegistryBuilder::build) beside it. They become active
/// for a [future](Self::scope), or for a router as an axum `Extension`, so that tests can run side by side.
///
/// A clone refers to the same registry.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use throttle::{registry, throttle};
///
/// #[throttle(rate = "100/min")]
/// async fn items() -> &'static str {
///     "ok"
/// }
///
/// # async fn example() -> Result<(), throttle::ConfigError> {
/// let registry = registry().namespace("test").build().await?;
/// let app: Router = Router::new().route("/items", get(items)).layer(Extension(registry));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) environment: Arc<Environment>,
    throttles: RwLock<BTreeMap<Arc<str>, Throttle>>,
    /// The names of the throttles in headers.
    names: Names,
    /// The backends that are not closed yet.
    open: tokio::sync::Mutex<Vec<NamedBackend>>,
}

impl Registry {
    fn new(environment: Environment) -> Self {
        Self::count_registry();
        let open = tokio::sync::Mutex::new(environment.declared.distinct_backends());
        Self(Arc::new(Inner {
            environment: Arc::new(environment),
            throttles: RwLock::default(),
            names: Names::default(),
            open,
        }))
    }

    /// The `handler` of the defaults.
    #[cfg(feature = "axum")]
    pub(crate) fn default_handler(&self) -> Option<Shared<dyn Resolver<role::handler>>> {
        self.declared().defaults.handler.clone()
    }

    fn declared(&self) -> &Declared {
        &self.0.environment.declared
    }

    /// Returns the circuit breakers of the throttles that were made or used so far, in the order of their
    /// names.
    pub fn breakers(&self) -> Vec<Breaker> {
        self.0.environment.breakers.all()
    }

    /// Returns the address of a request's client, as `key = ip` resolves it with this registry, for
    /// middleware that has no extractors. Handlers and functions can take a [`ClientIp`] as an argument.
    ///
    /// ```
    /// use throttle::Registry;
    ///
    /// let (parts, ()) = axum::http::Request::new(()).into_parts();
    /// assert_eq!(Registry::current().client_ip(&parts).address(), None);
    /// ```
    pub fn client_ip(&self, parts: &Parts) -> ClientIp {
        ClientIp::of(parts, &self.environment().lookup)
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.0.environment
    }
}

impl Default for Registry {
    /// Returns a registry with the memory backend and the built-in defaults.
    fn default() -> Self {
        let memory = NamedBackend::new(MEMORY, Arc::new(Memory::new()));
        let backends = HashMap::from([(Arc::from(MEMORY), (memory, Settings::NONE))]);
        let declared = Declared { backends, defaults: Settings::NONE, overrides: HashMap::new() };
        let clock = Arc::new(SystemClock::new());
        Self::new(Environment::new(declared, String::new(), Clients::default(), clock))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("namespace", &self.0.environment.namespace)
            .field("backends", &self.declared().backends.keys())
            .field("throttles", &self.throttles())
            .finish_non_exhaustive()
    }
}
