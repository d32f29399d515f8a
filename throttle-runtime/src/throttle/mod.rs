//! A throttle: one named limiter.

pub(crate) mod counters;
mod effective;
mod enforcement;
mod fast_path;
pub(crate) mod policy_history;
mod update;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use crate::config::declaration::Declaration;
use crate::config::policy::Policy;
use crate::config::rule::{Added, Rules};
use crate::config::settings::Settings;
use crate::environment::Environment;
use crate::resilience::Breaker;
use counters::{Counters, Counts, Event};
use policy_history::{ActivePolicy, PolicyHistory};

/// A named limiter.
///
/// Attributes make their throttle at its first use. To call a throttle from code, see
/// [`Registry::create`](crate::Registry::create). A clone refers to the same throttle.
///
/// ```
/// use throttle::{Settings, registry};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = registry().build().await?;
/// let exports = registry.create("exports", Settings::new().rate("2/hour"))?;
/// let decision = exports.hit("alice").await?;
/// assert_eq!((decision.is_allowed(), decision.remaining()), (true, Some(1)));
/// assert_eq!((exports.uid(), exports.counts().allowed), ("exports", 1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Throttle(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    uid: Arc<str>,
    scope: Arc<str>,
    history: PolicyHistory,
    flags: AtomicU8,
    added: Added,
    pub(crate) counters: Counters,
    pub(crate) environment: Arc<Environment>,
    declaration: Declaration,
}

impl Throttle {
    pub(crate) fn new(
        uid: Arc<str>,
        declaration: Declaration,
        policy: Policy,
        environment: Arc<Environment>,
    ) -> Self {
        let scope = environment.scope(&uid);
        Self(Arc::new(Inner {
            history: PolicyHistory::new(policy.in_scope(&scope, [])),
            scope,
            uid,
            flags: AtomicU8::new(0),
            added: Added::default(),
            counters: Counters::new(),
            environment,
            declaration,
        }))
    }

    /// Returns the uid, which is the name of the throttle in its registry.
    pub fn uid(&self) -> &str {
        &self.0.uid
    }

    /// Returns the effective settings of this throttle. See [`effective`](Self::effective) for a listing with
    /// their origins.
    pub fn settings(&self) -> Settings {
        self.policy().settings.clone()
    }

    /// Returns how often the throttle made each kind of decision.
    pub fn counts(&self) -> Counts {
        self.0.counters.read()
    }

    /// Returns the circuit breaker of the throttle's backend, if its `on_error` has one.
    ///
    /// ```
    /// use throttle::{CircuitBreaker, Settings, breaker::State, failover, registry};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let redis = throttle::backend::Memory::new();
    /// let registry = registry().backend("redis", redis).build().await?;
    /// let settings = Settings::new().rate("10/min").backend("redis");
    /// let throttle = registry.create("a", settings.on_error(failover("memory", CircuitBreaker::new())))?;
    /// let breaker = throttle.breaker().expect("there is one");
    /// assert_eq!(breaker.snapshot().state, State::Closed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn breaker(&self) -> Option<Breaker> {
        self.policy().recovery.as_ref()?.breaker.clone()
    }

    /// Returns the active policy. Read it once for each decision.
    #[inline]
    pub(crate) fn policy(&self) -> ActivePolicy<'_> {
        self.0.history.current()
    }

    pub(crate) fn history(&self) -> &PolicyHistory {
        &self.0.history
    }

    /// Returns the rules that apply to requests: the rules of the policy, and the rules that were added
    /// later.
    pub(crate) fn rules<'r>(&'r self, policy: &'r Policy) -> impl Iterator<Item = &'r Rules> + Clone + Send {
        std::iter::once(&policy.rules).chain(self.0.added.iter())
    }

    /// Whether there are rules that apply to requests.
    #[cfg(any(feature = "axum", feature = "tower"))]
    #[inline]
    pub(crate) fn has_rules(&self, policy: &Policy) -> bool {
        !policy.rules.is_empty() || !self.0.added.is_empty()
    }

    /// Adds rules. Returns `false` if the list is full.
    pub(crate) fn add_rules(&self, rules: Rules) -> bool {
        self.0.added.add(rules)
    }

    /// Returns the declaration that the throttle was made from.
    pub(crate) fn declaration(&self) -> &Declaration {
        &self.0.declaration
    }

    /// Whether the program made the throttle with [`create`](crate::Registry::create).
    pub(crate) fn is_created(&self) -> bool {
        self.0.declaration.is_created()
    }

    pub(crate) fn count(&self, event: Event) {
        self.0.counters.count(event);
    }

    pub(crate) fn uid_shared(&self) -> &Arc<str> {
        &self.0.uid
    }

    pub(crate) fn scope(&self) -> &str {
        &self.0.scope
    }

    pub(crate) fn scope_shared(&self) -> &Arc<str> {
        &self.0.scope
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.0.environment
    }

    /// Whether both are the same throttle of the same registry.
    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("uid", &self.uid())
            .field("enabled", &self.is_enabled())
            .field("settings", &self.settings())
            .finish_non_exhaustive()
    }
}
