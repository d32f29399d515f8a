//! A throttle: one named limiter.

pub(crate) mod counters;
mod effective;
mod fast_path;
pub(crate) mod policy_history;
mod update;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::config::declaration::Declaration;
use crate::config::policy::Policy;
use crate::config::rule::{Added, Rules};
use crate::environment::Environment;
use crate::environment::enforcement::Force;
use crate::{Breaker, Settings};
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

/// The throttle is switched off.
const OFF: u8 = 1;

/// The throttle's decisions are stored in requests that are passed on.
#[cfg(any(feature = "axum", feature = "tower"))]
const MARKED: u8 = 2;

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

    /// Returns whether the throttle is in effect: neither the throttle nor its whole registry is switched off.
    pub fn is_enabled(&self) -> bool {
        self.is_on() && self.0.environment.switches.force() != Force::Off
    }

    /// Returns the active policy. Read it once for each decision.
    #[inline]
    pub(crate) fn policy(&self) -> ActivePolicy<'_> {
        self.0.history.current()
    }

    pub(crate) fn history(&self) -> &PolicyHistory {
        &self.0.history
    }

    /// Whether no switch is set, so that decisions are enforced as the policy requires.
    #[inline]
    pub(crate) fn is_enforced(&self) -> bool {
        self.is_on() && self.0.environment.switches.force() == Force::Full
    }

    /// Like [`is_enforced`](Self::is_enforced), for a throttle that no layer and no middleware has
    /// [marked](Self::mark).
    #[cfg(any(feature = "axum", feature = "tower"))]
    #[inline]
    pub(crate) fn is_enforced_and_unmarked(&self) -> bool {
        self.0.flags.load(Ordering::Relaxed) == 0 && self.0.environment.switches.force() == Force::Full
    }

    /// Whether requests may arrive that this throttle has decided about before.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) fn is_marked(&self) -> bool {
        self.0.flags.load(Ordering::Relaxed) & MARKED != 0
    }

    /// Makes all later decisions of this throttle look for an earlier decision about the same request. Layers
    /// and middleware call this before they pass on such a request.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) fn mark(&self) {
        if !self.is_marked() {
            self.0.flags.fetch_or(MARKED, Ordering::Relaxed);
        }
    }

    #[inline]
    fn is_on(&self) -> bool {
        self.0.flags.load(Ordering::Relaxed) & OFF == 0
    }

    /// Returns how decisions by this policy are enforced. Read it once for each decision.
    pub(crate) fn force(&self, policy: &Policy) -> Force {
        match self.0.environment.switches.force() {
            _ if !self.is_on() => Force::Off,
            Force::Full if policy.dry_run => Force::Dry,
            force => force,
        }
    }

    /// Returns the active policy, and whether its decisions are in dry-run mode.
    pub(crate) fn policy_and_dry(&self) -> (ActivePolicy<'_>, bool) {
        let policy = self.policy();
        let is_dry = self.force(&policy) == Force::Dry;
        (policy, is_dry)
    }

    /// Returns the rules that apply to requests: the rules of the policy, and the rules that were added
    /// later.
    pub(crate) fn rules<'r>(&'r self, policy: &'r Policy) -> impl Iterator<Item = &'r Rules> + Clone + Send {
        std::iter::once(&policy.rules).chain(self.0.added.iter())
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

    pub(crate) fn switch(&self, on: bool) {
        if on {
            self.0.flags.fetch_and(!OFF, Ordering::Relaxed);
        } else {
            self.0.flags.fetch_or(OFF, Ordering::Relaxed);
        }
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
