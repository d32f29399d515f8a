//! The registry: the throttles of a program, and the backends, defaults and overrides that they use.

mod builder;
pub(crate) mod check;
mod control;
mod current;
pub(crate) mod names;
pub(crate) mod site;
#[cfg(feature = "axum")]
pub(crate) mod site_index;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, RwLock};
use std::time::Duration;

pub use builder::{RegistryBuilder, registry};
pub use current::Scoped;
use http::request::Parts;

use crate::backend::Memory;
use crate::backend::deadline::within;
pub(crate) use crate::backend::named::NamedBackend;
use crate::config::declaration::Declaration;
#[cfg(feature = "axum")]
use crate::config::resolver::Resolver;
#[cfg(feature = "axum")]
use crate::config::resolver::role;
use crate::config::rule::{Added, Rules};
use crate::config::settings::MEMORY;
use crate::environment::{Declared, Environment};
use crate::http::client::Clients;
use crate::util::audit;
use crate::util::error_chain::chain;
#[cfg(feature = "axum")]
use crate::util::shared::Shared;
use crate::util::sync;
use crate::{BackendError, Breaker, ClientIp, ConfigError, Settings, Site, SystemClock, Throttle};
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

/// The maximum number of throttles in a registry, for [`Registry::create`]. Each takes a few kilobytes.
const MOST: usize = 10_000;

/// The timeout of a backend for initialisation, for a reset and for closing.
const LIFECYCLE: Duration = Duration::from_secs(5);

impl Registry {
    fn new(environment: Environment) -> Self {
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

    /// Creates a throttle that is called from code. It stays in the registry until it is
    /// [removed](Self::remove).
    ///
    /// Create one throttle per limit, not one per client, and pass values that differ per use in the
    /// [`Hit`](crate::Hit). A registry has at most 10,000 throttles, including those of attributes. Beyond
    /// that, only `create` is rejected.
    ///
    /// ```
    /// use throttle::{Settings, registry};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let registry = registry().build().await?;
    /// let exports = registry.create("exports", Settings::new().rate("2/hour"))?;
    /// assert!(exports.hit("alice").await?.is_allowed());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error, and creates nothing, in these cases:
    ///
    /// - The uid is blank or taken, also by an attribute.
    /// - The settings are invalid.
    /// - The registry has 10,000 throttles already.
    #[track_caller]
    pub fn create(&self, uid: &str, settings: Settings) -> Result<Throttle, ConfigError> {
        if uid.trim().is_empty() {
            return Err(ConfigError::one("a throttle needs a uid that is not blank"));
        }
        if let Some(site) = crate::sites().into_iter().find(|site| site.uid() == uid) {
            return Err(ConfigError::one(format!(
                "the uid `{uid}` belongs to an attribute at {}: choose another",
                place(site)
            )));
        }
        let mut declaration = Declaration::here(uid, settings, Location::caller());
        let policy = self.0.environment.settle(&declaration, Settings::NONE).map_err(ConfigError::new)?;
        let mut throttles = sync::write(&self.0.throttles);
        if throttles.contains_key(uid) {
            return Err(ConfigError::one(format!("the uid `{uid}` is taken: choose another")));
        }
        if throttles.len() >= MOST {
            return Err(ConfigError::one(format!(
                "`{uid}` would be one more than {MOST} throttles: create one per limit instead of one per client, and \
                 remove those that are no longer used with `Registry::remove`"
            )));
        }
        declaration.name = self.0.names.claim(&declaration.uid, uid, uid);
        let policy = policy.named(&declaration.name);
        check::warn_of_timeouts(uid, &policy);
        let throttle =
            Throttle::new(Arc::clone(&declaration.uid), declaration, policy, Arc::clone(&self.0.environment));
        throttles.insert(Arc::from(uid), throttle.clone());
        Ok(throttle)
    }

    /// Removes a throttle that was made with [`create`](Self::create), and returns whether there was one. The
    /// uid is free afterwards. Handles to the throttle keep working, and its memory is freed with the last
    /// handle.
    ///
    /// The usage of clients stays in the backend until it expires. A new throttle with the same uid, strategy
    /// and periods continues with that usage. Throttles of attributes and layers cannot be removed, but they
    /// can be [disabled](Self::disable).
    ///
    /// ```
    /// use throttle::{Settings, registry};
    ///
    /// # async fn example() -> Result<(), throttle::ConfigError> {
    /// let registry = registry().build().await?;
    /// registry.create("import", Settings::new().rate("10/s"))?;
    /// assert!(registry.remove("import"));
    /// assert!(!registry.remove("import"));
    /// registry.create("import", Settings::new().rate("20/s"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove(&self, uid: &str) -> bool {
        let mut throttles = sync::write(&self.0.throttles);
        let is_created = throttles.get(uid).is_some_and(Throttle::is_created);
        let removed = if is_created { throttles.remove(uid) } else { None };
        if let Some(removed) = &removed {
            self.0.names.release(&removed.policy().name);
        }
        // The throttle is dropped after the lock is released.
        drop(throttles);
        if removed.is_some() {
            audit::event(|by, why| tracing::info!(target: "throttle", uid, by, why, "removed"));
        }
        removed.is_some()
    }

    /// Returns the throttle with this uid, if there is one: a throttle of an attribute, of a layer that was
    /// used, or one made with [`create`](Self::create).
    pub fn get(&self, uid: &str) -> Option<Throttle> {
        // The throttle of an attribute that was not used yet is not in the registry, so it is made here.
        let linked = || crate::sites().into_iter().find(|site| site.uid() == uid);
        self.known(uid).or_else(|| self.resolve(linked()?).ok())
    }

    fn known(&self, uid: &str) -> Option<Throttle> {
        sync::read(&self.0.throttles).get(uid).cloned()
    }

    /// Returns the throttles that were made or used so far, in the order of their uids.
    pub fn throttles(&self) -> Vec<Throttle> {
        sync::read(&self.0.throttles).values().cloned().collect()
    }

    /// Switches one throttle off: its requests pass, consume no quota, and are counted as
    /// [skipped](crate::Counts::skipped). Returns `false` if there is no throttle with this uid.
    ///
    /// ```
    /// use throttle::{Settings, registry};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let registry = registry().build().await?;
    /// let exports = registry.create("exports", Settings::new().rate("1/hour"))?;
    /// assert!(exports.hit("alice").await?.is_allowed());
    /// registry.disable("exports");
    /// assert!(exports.hit("alice").await?.is_allowed());
    /// registry.enable("exports");
    /// assert!(exports.hit("alice").await?.is_throttled());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The change is logged as one event, like all changes of a registry. [`Audit`](crate::Audit) adds the
    /// author and the reason of the change to the event.
    pub fn disable(&self, uid: &str) -> bool {
        self.switch(uid, false)
    }

    /// Switches one throttle on again. The usage from before still counts. Returns `false` if there is no
    /// throttle with this uid.
    pub fn enable(&self, uid: &str) -> bool {
        self.switch(uid, true)
    }

    /// Switches all throttles off immediately, even those that are enabled individually.
    pub fn disable_all(&self) {
        self.0.environment.switches.set_off(true);
        audit::event(|by, why| tracing::info!(target: "throttle", by, why, "all throttles are disabled"));
    }

    /// Ends [`disable_all`](Self::disable_all). Throttles that are disabled individually stay disabled.
    pub fn enable_all(&self) {
        self.0.environment.switches.set_off(false);
        audit::event(
            |by, why| tracing::info!(target: "throttle", by, why, "all throttles are enabled again"),
        );
    }

    fn switch(&self, uid: &str, on: bool) -> bool {
        let Some(throttle) = self.get(uid) else { return false };
        throttle.switch(on);
        audit::event(|by, why| {
            if on {
                tracing::info!(target: "throttle", uid, by, why, "enabled");
            } else {
                tracing::info!(target: "throttle", uid, by, why, "disabled");
            }
        });
        true
    }

    /// Returns the circuit breakers of the throttles that were made or used so far, in the order of their
    /// names.
    pub fn breakers(&self) -> Vec<Breaker> {
        self.0.environment.breakers.all()
    }

    /// Adds rules to a throttle: one of an attribute, of a layer, or one made with [`create`](Self::create).
    ///
    /// The rules apply from the next request on, together with the throttle's own rules. A request is
    /// excluded if a `bypass` of either matches it, and it is included if an `only` of either matches it.
    /// Calls that are not requests ignore rules.
    ///
    /// ```
    /// use throttle::rule::Rules;
    /// use throttle::{Rule, Settings, registry};
    ///
    /// # async fn example() -> Result<(), throttle::ConfigError> {
    /// let registry = registry().build().await?;
    /// registry.create("api", Settings::new().rate("100/min"))?;
    /// registry.add_rules("api", Rules::new().bypass(Rule::path("/api/health")))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if there is no throttle with this uid, or if rules were added to it 1,000 times.
    /// Adding the same rules again does not count. The throttle of a layer exists from its first request on,
    /// or from the layer's `check`.
    pub fn add_rules(&self, uid: &str, rules: Rules) -> Result<(), ConfigError> {
        let unknown = || ConfigError::one(format!("the rules are for `{uid}`, but no throttle has that uid"));
        let added = format!("{rules:?}");
        if self.get(uid).ok_or_else(unknown)?.add_rules(rules) {
            audit::event(
                |by, why| tracing::info!(target: "throttle", uid, rules = added, by, why, "rules were added"),
            );
            return Ok(());
        }
        Err(ConfigError::one(format!(
            "rules were added to `{uid}` {} times, which is the maximum: each request checks all of them",
            Added::MOST
        )))
    }

    /// Closes every backend exactly once. Call it at the end of the program, after the last request. A
    /// further call only waits for a first call that is still running. Each backend has a timeout of five
    /// seconds.
    ///
    /// ```no_run
    /// # use std::error::Error;
    /// # async fn example(listener: tokio::net::TcpListener, app: axum::Router) -> Result<(), Box<dyn Error>> {
    /// axum::serve(listener, app).await?;
    /// throttle::Registry::current().close().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the first error of a backend. The other backends are closed all the same.
    pub async fn close(&self) -> Result<(), BackendError> {
        self.0.environment.breakers.close();
        let mut open = self.0.open.lock().await;
        self.0.environment.tasks.end(LIFECYCLE).await;
        let mut result = Ok(());
        // The backends are removed one by one, so that the next call closes the rest if this call is dropped.
        while let Some(named) = open.pop() {
            result = result.and(within(LIFECYCLE, named.backend.close()).await);
        }
        result
    }

    /// Resets the usage in every backend. Each backend has a timeout of five seconds.
    ///
    /// # Errors
    ///
    /// Returns the first error of a backend. The other backends are reset all the same.
    pub async fn reset(&self) -> Result<(), BackendError> {
        let mut result = Ok(());
        for named in self.declared().distinct_backends() {
            result = result.and(within(LIFECYCLE, named.backend.reset()).await);
        }
        let error = result.as_ref().err().map(|error| chain(error));
        audit::event(
            |by, why| tracing::info!(target: "throttle", error, by, why, "usage of all backends was reset"),
        );
        result
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

    /// Returns the throttle of a site. The throttle is made at its first use.
    ///
    /// Two sites may share a uid that was chosen, if their settings are equal. Function paths that are equal
    /// by accident are distinguished by their lines, or else by the numbers of their functions.
    pub(crate) fn resolve(&self, site: &Site) -> Result<Throttle, ConfigError> {
        if let Some(known) = self.known(site.uid()).filter(|known| site.owns(known)) {
            return Ok(known);
        }
        let by_line = format!("{}:{}", site.uid(), site.location().line());
        let by_function = format!("{by_line}:{:x}", site.declaration());
        let mut told_apart = [&by_line, &by_function].into_iter().filter_map(|uid| self.known(uid));
        if let Some(known) = told_apart.find(|known| site.owns(known)) {
            return Ok(known);
        }
        let at = |problem: String| format!("{}: {problem}", place(site));
        let declaration = Declaration::by(site);
        let environment = &self.0.environment;
        let policy = environment
            .settle(&declaration, Settings::NONE)
            .map_err(|problems| ConfigError::new(problems.into_iter().map(at).collect()))?;
        let mut throttles = sync::write(&self.0.throttles);
        let free = |uid: &&str| throttles.get(*uid).is_none_or(|known| site.owns(known));
        let uids = [site.uid(), &by_line, &by_function];
        let uids = if site.is_named() { &uids[..1] } else { &uids[..] };
        let Some(uid) = uids.iter().copied().find(free).map(Arc::<str>::from) else {
            let taken = format!(
                "the uid `{}` is taken by a throttle with other settings: choose another",
                site.uid()
            );
            return Err(ConfigError::one(at(taken)));
        };
        let make = || {
            let name = self.0.names.claim(&uid, &declaration.name, site.uid());
            let (policy, mut declaration) = (policy.named(&name), declaration);
            declaration.name = name;
            Throttle::new(Arc::clone(&uid), declaration, policy, Arc::clone(environment))
        };
        Ok(throttles.entry(Arc::clone(&uid)).or_insert_with(make).clone())
    }
}

/// Returns the file and line of an attribute.
fn place(site: &Site) -> String {
    format!("{}:{}", site.location().file(), site.location().line())
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
