//! Who is limited, by what, right now.

mod breakers;
mod builder;
mod control;
mod current;
mod member;
mod report;
mod rescue;
mod settle;
mod sharing;
mod switches;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use breakers::Breakers;
pub use builder::{RegistryBuilder, registry};
pub use current::Scoped;
use http::request::Parts;
pub(crate) use member::Member;
pub(crate) use switches::Force;
use switches::Switches;

use crate::admission::within;
use crate::audit;
use crate::backend::Memory;
use crate::error_chain::chain;
use crate::http::client::Clients;
use crate::http::notices::Notices;
use crate::names::Names;
#[cfg(feature = "axum")]
use crate::plug::{Ask, role};
use crate::rule::{Added, Rules};
use crate::said::Said;
use crate::settings::MEMORY;
#[cfg(feature = "axum")]
use crate::settings::Shared;
use crate::under_way::UnderWay;
use crate::{BackendError, Breaker, ClientIp, Clock, ConfigError, Settings, Site, SystemClock, Throttle};

/// The throttles of a program and what they run on: backends by name, defaults and overrides.
///
/// There is one global registry: the one that was [installed](RegistryBuilder::install), or else a default
/// one with the memory backend. Others can be [built](RegistryBuilder::build) beside it and put in charge of
/// a [future](Self::scope) or of a router (as an axum `Extension`), so that tests run side by side.
///
/// Clones are the same registry.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    common: Arc<Common>,
    throttles: RwLock<BTreeMap<Arc<str>, Throttle>>,
    /// Their names in headers.
    names: Names,
    /// The backends that are still to be closed.
    open: tokio::sync::Mutex<Vec<Member>>,
}

/// What was declared.
struct Declared {
    backends: HashMap<Arc<str>, (Member, Settings)>,
    defaults: Settings,
    overrides: HashMap<String, Settings>,
}

impl Declared {
    /// One backend may have been declared under several names.
    fn distinct_backends(&self) -> Vec<Member> {
        let mut distinct: Vec<Member> = Vec::new();
        for (member, _) in self.backends.values() {
            if !distinct.iter().any(|known| known.is(member)) {
                distinct.push(member.clone());
            }
        }
        distinct
    }
}

/// How many throttles a registry has at most. Each takes a few kilobytes.
const MOST: usize = 10_000;

/// How long a backend has to come up, to be reset and to be closed.
const LIFECYCLE: Duration = Duration::from_secs(5);

/// What throttles need of their registry.
pub(crate) struct Common {
    declared: Declared,
    namespace: String,
    pub(crate) clock: Arc<dyn Clock>,
    breakers: Breakers,
    pub(crate) probes_in_background: bool,
    pub(crate) clients: Clients,
    pub(crate) switches: Switches,
    /// Tasks that owe something to a backend, which is not closed before they are done.
    pub(crate) under_way: UnderWay,
    pub(crate) notices: Notices,
}

impl Registry {
    fn new(common: Common) -> Self {
        let open = tokio::sync::Mutex::new(common.declared.distinct_backends());
        Self(Arc::new(Inner {
            common: Arc::new(common),
            throttles: RwLock::default(),
            names: Names::default(),
            open,
        }))
    }

    /// The `handler` of the defaults.
    #[cfg(feature = "axum")]
    pub(crate) fn default_handler(&self) -> Option<Shared<dyn Ask<role::handler>>> {
        self.declared().defaults.handler.clone()
    }

    fn declared(&self) -> &Declared {
        &self.0.common.declared
    }

    /// Creates a throttle that is called from code. It stays in the registry until it is [removed](Self::remove): create
    /// one per limit, not one per client, and pass what differs per use in the [`Hit`](crate::Hit). A registry has at
    /// most 10,000 throttles, including those of attributes; only `create` is rejected beyond that.
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
    /// If the uid is blank or taken, also by an attribute, if the settings do not work, or if the registry has 10,000
    /// throttles already. The uid is then free as before.
    #[track_caller]
    pub fn create(&self, uid: &str, settings: Settings) -> Result<Throttle, ConfigError> {
        if uid.trim().is_empty() {
            return Err(ConfigError::one("a throttle needs a uid that is not blank"));
        }
        if let Some(site) = crate::sites().into_iter().find(|site| site.uid() == uid) {
            return Err(ConfigError::one(format!(
                "the uid `{uid}` is that of an attribute at {}: choose another",
                place(site)
            )));
        }
        let mut said = Said::here(uid, settings, Location::caller());
        let policy = self.0.common.settle(&said, Settings::NONE).map_err(ConfigError::new)?;
        let mut throttles = self.0.throttles.write().unwrap_or_else(PoisonError::into_inner);
        if throttles.contains_key(uid) {
            return Err(ConfigError::one(format!("the uid `{uid}` is taken: choose another")));
        }
        if throttles.len() >= MOST {
            return Err(ConfigError::one(format!(
                "`{uid}` would be one more than {MOST} throttles: create one per limit instead of one per client, and \
                 remove those that are no longer used with `Registry::remove`"
            )));
        }
        said.name = self.0.names.claim(&said.uid, uid, uid);
        let policy = policy.named(&said.name);
        report::warn_of_timeouts(uid, &policy);
        let throttle = Throttle::new(Arc::clone(&said.uid), said, policy, Arc::clone(&self.0.common));
        throttles.insert(Arc::from(uid), throttle.clone());
        Ok(throttle)
    }

    /// Removes a throttle that was made with [`create`](Self::create), and returns whether there was one. The uid is free
    /// afterwards. Handles to the throttle go on deciding, and its memory is freed with the last of them.
    ///
    /// What clients have used stays at the backend until it expires. A new throttle with the same uid, strategy and periods
    /// goes on from there. Throttles of attributes and layers cannot be removed, but [disabled](Self::disable).
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
        let mut throttles = self.0.throttles.write().unwrap_or_else(PoisonError::into_inner);
        let is_created = throttles.get(uid).is_some_and(Throttle::is_created);
        let removed = if is_created { throttles.remove(uid) } else { None };
        if let Some(removed) = &removed {
            self.0.names.release(&removed.policy().name);
        }
        // What it holds is dropped without the lock.
        drop(throttles);
        if removed.is_some() {
            audit::event(|by, why| tracing::info!(target: "throttle", uid, by, why, "removed"));
        }
        removed.is_some()
    }

    /// The throttle of that uid, if there is one: an attribute's, or made with [`create`](Self::create).
    pub fn get(&self, uid: &str) -> Option<Throttle> {
        // An attribute that was not used yet has no throttle in the registry; make it.
        let linked = || crate::sites().into_iter().find(|site| site.uid() == uid);
        self.known(uid).or_else(|| self.resolve(linked()?).ok())
    }

    fn known(&self, uid: &str) -> Option<Throttle> {
        self.0.throttles.read().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// The throttles that were made or used so far, in the order of their uids.
    pub fn throttles(&self) -> Vec<Throttle> {
        self.0.throttles.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Switches one throttle off: its requests pass and are not counted. `false` if no attribute has that
    /// uid and no throttle was made with it. One event says so, as of all changes here, and [`Audit`](crate::Audit) adds
    /// who made the change and why.
    pub fn disable(&self, uid: &str) -> bool {
        self.switch(uid, false)
    }

    /// Switches one throttle on again; what it had counted still holds. `false` if it is unknown.
    pub fn enable(&self, uid: &str) -> bool {
        self.switch(uid, true)
    }

    /// Switches all throttles off at once, whatever their own switches say.
    pub fn disable_all(&self) {
        self.0.common.switches.set_off(true);
        audit::event(|by, why| tracing::info!(target: "throttle", by, why, "all throttles are disabled"));
    }

    /// Ends [`disable_all`](Self::disable_all).
    pub fn enable_all(&self) {
        self.0.common.switches.set_off(false);
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

    /// The circuit breakers of the throttles that were made or used so far, in the order of their names.
    pub fn breakers(&self) -> Vec<Breaker> {
        self.0.common.breakers.all()
    }

    /// Gives a throttle more rules: an attribute's, one of a layer, or one made with [`create`](Self::create). They
    /// hold from the next request on, and together with those that it has: a `bypass` of either excludes a request,
    /// and an `only` of either includes it. Calls that are not requests know no rules.
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
    /// If there is no throttle of that uid, or if rules were added to it 1,000 times. Rules that were added before count
    /// once. The throttle of a layer is there from its first request on, or from the layer's `check`.
    pub fn add_rules(&self, uid: &str, rules: Rules) -> Result<(), ConfigError> {
        let unknown =
            || ConfigError::one(format!("rules are added to `{uid}`, but no throttle has that uid"));
        let added = format!("{rules:?}");
        if self.get(uid).ok_or_else(unknown)?.add_rules(rules) {
            audit::event(
                |by, why| tracing::info!(target: "throttle", uid, rules = added, by, why, "rules were added"),
            );
            return Ok(());
        }
        Err(ConfigError::one(format!(
            "rules were added to `{uid}` {} times, which is the most: each request looks at all of them",
            Added::MOST
        )))
    }

    /// Closes every backend, each exactly once: for the end of the program, after the last request. Further
    /// calls do nothing but wait for a first one that is still at it. Each backend has five seconds.
    ///
    /// ```no_run
    /// # async fn example(listener: tokio::net::TcpListener, app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
    /// axum::serve(listener, app).await?;
    /// throttle::Registry::current().close().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The first error of a backend; the others are closed all the same.
    pub async fn close(&self) -> Result<(), BackendError> {
        self.0.common.breakers.close();
        let mut open = self.0.open.lock().await;
        self.0.common.under_way.end(LIFECYCLE).await;
        let mut result = Ok(());
        // Taken out one by one, so that a call that is dropped half-way leaves the rest to the next.
        while let Some(member) = open.pop() {
            result = result.and(within(LIFECYCLE, member.backend.close()).await);
        }
        result
    }

    /// Forgets the counts of every backend. Each has five seconds.
    ///
    /// # Errors
    ///
    /// The first error of a backend; the others are reset all the same.
    pub async fn reset(&self) -> Result<(), BackendError> {
        let mut result = Ok(());
        for member in self.declared().distinct_backends() {
            result = result.and(within(LIFECYCLE, member.backend.reset()).await);
        }
        let error = result.as_ref().err().map(|error| chain(error));
        audit::event(
            |by, why| tracing::info!(target: "throttle", error, by, why, "usage of all backends was reset"),
        );
        result
    }

    /// The address of the client of a request, as `key = ip` sees it with this registry: for middleware that has no
    /// extractors. Handlers and functions take a [`ClientIp`] as an argument.
    ///
    /// ```
    /// use throttle::Registry;
    ///
    /// let (parts, ()) = axum::http::Request::new(()).into_parts();
    /// assert_eq!(Registry::current().client_ip(&parts).address(), None);
    /// ```
    pub fn client_ip(&self, parts: &Parts) -> ClientIp {
        ClientIp::of(parts, self.common())
    }

    pub(crate) fn common(&self) -> &Common {
        &self.0.common
    }

    /// The throttle of a site, made at its first use.
    ///
    /// Two sites may share a uid that was chosen, if they say the same; paths that are the same by accident
    /// are told apart by their lines, or else by the numbers of their functions.
    pub(crate) fn resolve(&self, site: &Site) -> Result<Throttle, ConfigError> {
        if let Some(known) = self.known(site.uid()).filter(|known| known.belongs_to(site)) {
            return Ok(known);
        }
        let by_line = format!("{}:{}", site.uid(), site.location().line());
        let by_function = format!("{by_line}:{:x}", site.declaration());
        let mut told_apart = [&by_line, &by_function].into_iter().filter_map(|uid| self.known(uid));
        if let Some(known) = told_apart.find(|known| known.belongs_to(site)) {
            return Ok(known);
        }
        let at = |problem: String| format!("{}: {problem}", place(site));
        let said = Said::by(site);
        let common = &self.0.common;
        let policy = common
            .settle(&said, Settings::NONE)
            .map_err(|problems| ConfigError::new(problems.into_iter().map(at).collect()))?;
        let mut throttles = self.0.throttles.write().unwrap_or_else(PoisonError::into_inner);
        let free = |uid: &&str| throttles.get(*uid).is_none_or(|known| known.belongs_to(site));
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
            let name = self.0.names.claim(&uid, &said.name, site.uid());
            let (policy, mut said) = (policy.named(&name), said);
            said.name = name;
            Throttle::new(Arc::clone(&uid), said, policy, Arc::clone(common))
        };
        Ok(throttles.entry(Arc::clone(&uid)).or_insert_with(make).clone())
    }
}

/// Where an attribute stands.
fn place(site: &Site) -> String {
    format!("{}:{}", site.location().file(), site.location().line())
}

impl Common {
    fn new(declared: Declared, namespace: String, clients: Clients, clock: Arc<dyn Clock>) -> Self {
        Self {
            declared,
            namespace,
            clients,
            breakers: Breakers::new(Arc::clone(&clock)),
            clock,
            probes_in_background: false,
            switches: Switches::default(),
            under_way: UnderWay::default(),
            notices: Notices::new(),
        }
    }

    /// Has shared breakers exchange what they know, from the first request on that asks one.
    #[inline]
    pub(crate) fn share_breakers(&self) {
        self.breakers.share();
    }

    /// The scope of a uid's state: no namespace can imitate another's uid, since its length comes first.
    pub(crate) fn scope(&self, uid: &str) -> Arc<str> {
        format!("{}:{}:{uid}", self.namespace.len(), self.namespace).into()
    }
}

impl Default for Registry {
    /// Nothing declared: the memory backend and the built-in defaults.
    fn default() -> Self {
        let memory = Member::new(MEMORY, Arc::new(Memory::new()));
        let backends = HashMap::from([(Arc::from(MEMORY), (memory, Settings::NONE))]);
        let declared = Declared { backends, defaults: Settings::NONE, overrides: HashMap::new() };
        let clock = Arc::new(SystemClock::new());
        Self::new(Common::new(declared, String::new(), Clients::default(), clock))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("namespace", &self.0.common.namespace)
            .field("backends", &self.declared().backends.keys())
            .field("throttles", &self.throttles())
            .finish_non_exhaustive()
    }
}
