//! One named limiter.

mod decide;
mod effective;
mod reset;
mod update;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

pub(crate) use self::decide::no_request;
use crate::asked::Asked;
use crate::backend::Mode;
use crate::counters::{Counters, Counts, Event};
use crate::policy::Policy;
use crate::registry::{Common, Force};
use crate::rule::{Added, Rules};
use crate::said::Said;
use crate::versions::{InForce, Versions};
use crate::{BackendError, Breaker, Decision, Hit, Settings, Site};

/// One named limiter: who may do how much of what.
///
/// Attributes make theirs at their first use; for programmatic use see
/// [`Registry::create`](crate::Registry::create). Clones are the same throttle.
#[derive(Clone)]
pub struct Throttle(Arc<Inner>);

/// It is switched off.
const OFF: u8 = 1;

/// Its decisions are left with requests that are passed on.
#[cfg(any(feature = "axum", feature = "tower"))]
const MARKED: u8 = 2;

struct Inner {
    uid: Arc<str>,
    scope: Arc<str>,
    versions: Versions,
    flags: AtomicU8,
    added: Added,
    counters: Counters,
    common: Arc<Common>,
    said: Said,
}

impl Throttle {
    pub(crate) fn new(uid: Arc<str>, said: Said, policy: Policy, common: Arc<Common>) -> Self {
        let scope = common.scope(&uid);
        Self(Arc::new(Inner {
            versions: Versions::new(policy.in_scope(&scope, [])),
            scope,
            uid,
            flags: AtomicU8::new(0),
            added: Added::default(),
            counters: Counters::new(),
            common,
            said,
        }))
    }

    /// The name.
    pub fn uid(&self) -> &str {
        &self.0.uid
    }

    /// What is settled for this throttle, whoever said it; see [`effective`](Self::effective) for a listing.
    pub fn settings(&self) -> Settings {
        self.policy().settings.clone()
    }

    /// How often it made each kind of decision.
    pub fn counts(&self) -> Counts {
        self.0.counters.read()
    }

    /// The circuit breaker of its backend, if its `on_error` has one.
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
    /// assert_eq!(breaker.info().state, State::Closed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn breaker(&self) -> Option<Breaker> {
        self.policy().rescue.as_ref()?.breaker.clone()
    }

    /// Whether it limits anybody: neither it nor its whole registry is switched off.
    pub fn is_enabled(&self) -> bool {
        self.is_on() && self.0.common.switches.force() != Force::Off
    }

    /// Decides one use and charges it if it fits.
    ///
    /// Functions that the throttle was given as settings are asked with an empty request head. Its key,
    /// exemptions and rules are not: the caller says who pays.
    ///
    /// ```
    /// use throttle::{Hit, Registry, Settings};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let exports = Registry::current().create("exports", Settings::new().rate("10/hour"))?;
    /// let decision = exports.hit(Hit::new("alice").cost(4)).await?;
    /// assert_eq!((decision.is_allowed(), decision.remaining()), (true, Some(6)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the backend failed and the `on_error` policy says that its error is the answer.
    #[inline]
    pub fn hit<'h>(&self, hit: impl Into<Hit<'h>>) -> impl Future<Output = Result<Decision, BackendError>> {
        Asked::new(self, hit, Mode::Take, Self::decide)
    }

    /// What a use would be answered right now: `remaining` is what would be left after it. Takes nothing, and is not counted.
    ///
    /// ```
    /// use throttle::{Hit, Registry, Settings};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let exports = Registry::current().create("exports", Settings::new().rate("10/hour"))?;
    /// assert!(exports.check(Hit::new("alice").cost(10)).await?.is_allowed());
    /// assert!(exports.check(Hit::new("alice").cost(11)).await?.is_throttled());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`hit`](Self::hit).
    #[inline]
    pub fn check<'h>(&self, hit: impl Into<Hit<'h>>) -> impl Future<Output = Result<Decision, BackendError>> {
        Asked::new(self, hit, Mode::Peek, Self::decide)
    }

    /// What is left right now: of each limit, in the order in which they were written. Takes nothing, and is not
    /// counted.
    ///
    /// A [`Quota`](crate::Quota) says of its limit what [remains](crate::Quota::remaining), how long until there
    /// is [more](crate::Quota::next_after), which is the wait where nothing is left, and how long until
    /// [all](crate::Quota::reset_after) is back. There are none where the backend is not asked: see
    /// [`Source`](crate::Source).
    ///
    /// ```
    /// use throttle::{Rate, Registry, Settings};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let exports = Registry::current().create("exports", Settings::new().rate("2/min, 100/day"))?;
    /// exports.hit("alice").await?;
    /// exports.hit("alice").await?;
    /// let stat = exports.stat("alice").await?;
    /// let [minute, day] = stat.quotas() else { panic!("one for each limit") };
    /// assert_eq!((minute.rate(), minute.remaining()), (Rate::per_minute(2), 0));
    /// assert_eq!((day.rate(), day.remaining()), (Rate::per_day(100), 98));
    /// println!("one more in {:?}, all in {:?}", minute.next_after(), minute.reset_after());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Limits that a function answers are asked for without a request, unless the hit says which it is about:
    /// [`Hit::rate`]. Its cost does not matter.
    ///
    /// # Errors
    ///
    /// Like [`hit`](Self::hit).
    pub async fn stat<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<Decision, BackendError> {
        self.check(hit.into().cost(0)).await
    }

    /// What holds right now: to be read once for each decision.
    #[inline]
    pub(crate) fn policy(&self) -> InForce<'_> {
        self.0.versions.current()
    }

    pub(crate) fn versions(&self) -> &Versions {
        &self.0.versions
    }

    /// Whether nobody has switched anything, so that decisions go as far as the policy says.
    #[inline]
    pub(crate) fn is_in_force(&self) -> bool {
        self.is_on() && self.0.common.switches.force() == Force::Full
    }

    /// The same for a throttle that no layer and no middleware has [marked](Self::mark) a request with.
    #[cfg(any(feature = "axum", feature = "tower"))]
    #[inline]
    pub(crate) fn is_in_force_and_unmarked(&self) -> bool {
        self.0.flags.load(Ordering::Relaxed) == 0 && self.0.common.switches.force() == Force::Full
    }

    /// Whether requests may come that it has decided about.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) fn is_marked(&self) -> bool {
        self.0.flags.load(Ordering::Relaxed) & MARKED != 0
    }

    /// Makes all later decisions of this throttle look for an earlier one about the same request. Layers and middleware call
    /// this before they pass such a request on.
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

    /// How far decisions by that policy go: to be read once for each decision.
    pub(crate) fn force(&self, policy: &Policy) -> Force {
        match self.0.common.switches.force() {
            _ if !self.is_on() => Force::Off,
            Force::Full if policy.dry_run => Force::Dry,
            force => force,
        }
    }

    /// What holds right now, and whether decisions by it are not enforced.
    pub(crate) fn policy_and_dry(&self) -> (InForce<'_>, bool) {
        let policy = self.policy();
        let is_dry = self.force(&policy) == Force::Dry;
        (policy, is_dry)
    }

    /// The rules that hold for requests by that policy: those of its settings, and those that were added.
    pub(crate) fn rules<'r>(&'r self, policy: &'r Policy) -> impl Iterator<Item = &'r Rules> + Clone + Send {
        std::iter::once(&policy.rules).chain(self.0.added.iter())
    }

    /// Whether there was room for them.
    pub(crate) fn add_rules(&self, rules: Rules) -> bool {
        self.0.added.add(rules)
    }

    /// Whether the program made it with [`create`](crate::Registry::create).
    pub(crate) fn is_created(&self) -> bool {
        self.0.said.is_created()
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

    pub(crate) fn common(&self) -> &Common {
        &self.0.common
    }

    /// Whether both are the same throttle of the same registry.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn switch(&self, on: bool) {
        if on {
            self.0.flags.fetch_and(!OFF, Ordering::Relaxed);
        } else {
            self.0.flags.fetch_or(OFF, Ordering::Relaxed);
        }
    }

    /// Whether this throttle is the site's: made for it, for a copy of it, or for one that chose the same uid
    /// and says the same.
    pub(crate) fn belongs_to(&self, site: &Site) -> bool {
        self.0.said.is_by(site)
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
