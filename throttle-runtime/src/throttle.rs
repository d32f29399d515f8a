//! One named limiter.

mod effective;
mod update;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;

use crate::admission::{self, Terms, Ticket};
use crate::asked::Asked;
use crate::backend::{Charge, Mode};
use crate::counters::{Counters, Counts, Event};
use crate::key::Payer;
use crate::plug::Head;
use crate::policy::Policy;
use crate::registry::{Common, Force};
use crate::rule::{Added, Rules};
use crate::said::Said;
use crate::strategy::Class;
use crate::versions::Versions;
use crate::{BackendError, Breaker, Decision, ErrorKind, Key, Quota, Rates, Settings, Site, Source};

/// One named limiter: who may do how much of what.
///
/// Attributes make theirs at their first use; for programmatic use see
/// [`Registry::create`](crate::Registry::create). Clones are the same throttle.
#[derive(Clone)]
pub struct Throttle(Arc<Inner>);

struct Inner {
    uid: Arc<str>,
    scope: Arc<str>,
    versions: Versions,
    enabled: AtomicBool,
    added: Added,
    counters: Counters,
    common: Arc<Common>,
    said: Said,
}

/// One use of a throttle: who pays how much.
///
/// Whatever is a [`Key`] is a hit of the throttle's own cost.
///
/// ```
/// use throttle::Hit;
///
/// let _ = Hit::from("alice");
/// let _ = Hit::new(("tenant", "alice")).cost(5);
/// ```
#[derive(Debug, Clone)]
pub struct Hit<'a> {
    payer: Payer<'a>,
    cost: Option<u64>,
    rates: Option<Box<Rates>>,
    class: Option<Class>,
}

impl<'a> Hit<'a> {
    /// A use by that key, at the throttle's own cost and rate.
    pub fn new(key: impl Into<Key>) -> Self {
        Self::by(Payer::Key(key.into()))
    }

    #[inline]
    const fn by(payer: Payer<'a>) -> Self {
        Self { payer, cost: None, rates: None, class: None }
    }

    /// What this use costs; 0 passes freely.
    #[must_use]
    pub const fn cost(mut self, cost: u64) -> Self {
        self.cost = Some(cost);
        self
    }

    /// The limits for this use.
    #[must_use]
    pub fn rate(mut self, rates: impl Into<Rates>) -> Self {
        self.rates = Some(Box::new(rates.into()));
        self
    }

    /// The same for longer than what the key is borrowed from.
    pub(crate) fn into_owned(self) -> Hit<'static> {
        let Self { payer, cost, rates, class } = self;
        Hit { payer: Payer::Key(payer.into_key()), cost, rates, class }
    }

    /// What it says that it costs, if anything.
    pub(crate) const fn said_cost(&self) -> Option<u64> {
        self.cost
    }

    /// What kind of caller it is, for strategies that tell them apart.
    #[must_use]
    pub fn class(mut self, class: impl Into<Class>) -> Self {
        self.class = Some(class.into());
        self
    }
}

/// A text is a key of one part.
impl<'a> From<&'a str> for Hit<'a> {
    #[inline]
    fn from(part: &'a str) -> Self {
        Self::by(Payer::Part(part))
    }
}

impl<'a> From<&'a String> for Hit<'a> {
    #[inline]
    fn from(part: &'a String) -> Self {
        Self::by(Payer::Part(part))
    }
}

impl<'a> From<&'a Key> for Hit<'a> {
    #[inline]
    fn from(key: &'a Key) -> Self {
        Self::by(Payer::Borrowed(key))
    }
}

macro_rules! from_keys {
    ($($key:ty),*) => { $(
        impl From<$key> for Hit<'_> {
            #[inline]
            fn from(key: $key) -> Self {
                Self::new(key)
            }
        }
    )* };
}

from_keys!(Key, String, bool, IpAddr, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

macro_rules! from_tuples {
    ($(($($part:ident)*))*) => { $(
        impl<$($part),*> From<($($part,)*)> for Hit<'_>
        where
            ($($part,)*): Into<Key>,
        {
            fn from(parts: ($($part,)*)) -> Self {
                Self::new(parts)
            }
        }
    )* };
}

from_tuples! { (A B) (A B C) (A B C D) }

impl Throttle {
    pub(crate) fn new(uid: Arc<str>, said: Said, policy: Policy, common: Arc<Common>) -> Self {
        let scope = common.scope(&uid);
        Self(Arc::new(Inner {
            versions: Versions::new(policy.in_scope(&scope, [])),
            scope,
            uid,
            enabled: AtomicBool::new(true),
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
        self.policy().settings
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
        self.0.enabled.load(Ordering::Relaxed) && self.0.common.switches.force() != Force::Off
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
    /// A [`Quota`] says of its limit what [remains](Quota::remaining), how long until there is
    /// [more](Quota::next_after), which is the wait where nothing is left, and how long until
    /// [all](Quota::reset_after) is back. There are none where the backend is not asked: see [`Source`].
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

    /// The short way: nothing has to be asked, and the backend need not wait for anybody. Most decisions in
    /// memory are made here, so it does only what they need.
    #[expect(clippy::inline_always, reason = "a call costs a fifth of a decision")]
    #[inline(always)]
    pub(crate) fn at_once(&self, policy: &Policy, hit: &Hit<'_>, mode: Mode) -> Option<Quota> {
        let short = policy.short.as_ref().filter(|_| self.is_in_force() && hit.rates.is_none())?;
        let cost = hit.cost.or(policy.units).filter(|&cost| cost > 0 || mode == Mode::Peek)?;
        let quota = short.decide(hit.payer.split()?, cost, mode)?;
        if mode == Mode::Take {
            self.count(if quota.fits() { Event::Allowed } else { Event::Denied });
        }
        Some(quota)
    }

    /// The decision of the memory backend where nothing has to be asked first. It needs no future, as that backend
    /// waits for nobody and does not fail.
    pub(crate) fn in_memory(&self, hit: &Hit<'_>, mode: Mode) -> Option<Decision> {
        let policy = self.policy();
        let asks_nobody =
            policy.in_memory && self.is_in_force() && hit.rates.is_none() && hit.class.is_none();
        let (rates, domain) = policy.rates.as_ref().filter(|_| asks_nobody).zip(policy.domain)?;
        let cost = hit.cost.or(policy.units).filter(|&cost| cost > 0 || mode == Mode::Peek)?;
        let (key, strategy) = (hit.payer.to_key(), policy.strategy);
        let (scope, load) = (self.scope(), strategy.load());
        let charge = [Charge { scope, key: &key, strategy, rates, cost, class: Class::NONE, load, domain }];
        let verdict = policy.primary.backend.decide(&charge, mode).ready().ok()?.ok()?;
        let decision = Decision::by_backend(&verdict.quotas);
        if mode == Mode::Take {
            self.count(Event::of(Ok(&decision)));
        }
        Some(decision)
    }

    async fn decide(&self, hit: Hit<'_>, mode: Mode) -> Result<Decision, BackendError> {
        let decision = self.decision(hit, mode).await;
        if mode == Mode::Take {
            self.count(Event::of(decision.as_ref()));
        }
        decision
    }

    async fn decision(&self, hit: Hit<'_>, mode: Mode) -> Result<Decision, BackendError> {
        let mut parts = None;
        let mut head = self.empty_head(&mut parts);
        let ticket = match Self::ticket(Cow::Borrowed(self), hit, &mut head).await? {
            Ok(ticket) => ticket,
            Err(source) => return Ok(Decision::passed(source)),
        };
        if ticket.rates.is_unlimited() || mode == Mode::Take && !ticket.is_charged() {
            // Nobody could say when the use ends, so it takes no place among those in flight.
            return Ok(Decision::passed(ticket.uncharged()));
        }
        admission::decide_one(&ticket, mode, &mut head).await.map(|decided| decided.decision)
    }

    /// What a use by the program comes to, or why the throttle does not apply.
    pub(crate) async fn ticket<'t>(
        throttle: Cow<'t, Self>,
        hit: Hit<'_>,
        head: &mut Head<'_>,
    ) -> Result<Result<Ticket<'t>, Source>, BackendError> {
        let policy = Arc::clone(throttle.policy());
        match throttle.force(&policy) {
            Force::Off => Ok(Err(Source::Disabled)),
            force => Self::ticket_by((policy, force == Force::Dry), throttle, hit, head).await,
        }
    }

    /// The same by a policy, in a dry run or not, whether or not the throttle is switched on.
    pub(crate) async fn ticket_by<'t>(
        (policy, dry): (Arc<Policy>, bool),
        throttle: Cow<'t, Self>,
        hit: Hit<'_>,
        head: &mut Head<'_>,
    ) -> Result<Result<Ticket<'t>, Source>, BackendError> {
        let rates = match hit.rates.map(|rates| *rates).or(policy.rates) {
            Some(rates) => rates,
            None => policy.rate.ask(head).await.map_err(|_| no_request())?,
        };
        // Who limits what is in flight, too, limits whoever comes at whatever rate and cost.
        if policy.concurrency.is_none() && rates.is_unlimited() {
            return Ok(Err(Source::Unlimited));
        }
        let cost = match hit.cost {
            Some(cost) => cost,
            None => policy.cost.ask(head).await.map_err(|_| no_request())?,
        };
        let class = match (hit.class, policy.class) {
            (Some(class), _) => class,
            (None, Some(class)) => class.ask(head).await.map_err(|_| no_request())?,
            (None, None) => Class::NONE,
        };
        let terms = Terms { key: hit.payer.into_key(), rates, cost, class };
        Ok(Ok(Ticket::new(throttle, policy, dry, terms)))
    }

    pub(crate) fn empty_head<'a>(&'a self, parts: &'a mut Option<Parts>) -> Head<'a> {
        let parts = parts.get_or_insert_with(|| http::Request::new(()).into_parts().0);
        Head { parts, state: &(), common: &self.0.common, is_request: false }
    }

    /// What holds right now: to be read once for each decision.
    #[inline]
    pub(crate) fn policy(&self) -> &Arc<Policy> {
        self.0.versions.current()
    }

    /// Whether nobody has switched anything, so that decisions go as far as the policy says.
    #[inline]
    pub(crate) fn is_in_force(&self) -> bool {
        self.0.enabled.load(Ordering::Relaxed) && self.0.common.switches.force() == Force::Full
    }

    /// How far decisions by that policy go: to be read once for each decision.
    pub(crate) fn force(&self, policy: &Policy) -> Force {
        match self.0.common.switches.force() {
            _ if !self.0.enabled.load(Ordering::Relaxed) => Force::Off,
            Force::Full if policy.dry_run => Force::Dry,
            force => force,
        }
    }

    /// What holds right now, and whether decisions by it are not enforced.
    pub(crate) fn policy_and_dry(&self) -> (&Policy, bool) {
        let policy = self.policy();
        (policy, self.force(policy) == Force::Dry)
    }

    /// The rules that hold for requests by that policy: those of its settings, and those that were added.
    pub(crate) fn rules(&self, policy: &Policy) -> impl Iterator<Item = Rules> + Clone + Send {
        std::iter::once(policy.rules).chain(self.0.added.iter())
    }

    pub(crate) fn add_rules(&self, rules: Rules) {
        self.0.added.add(rules);
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
        self.0.enabled.store(on, Ordering::Relaxed);
    }

    /// Whether this throttle is the site's: made for it, for a copy of it, or for one that chose the same uid
    /// and says the same.
    pub(crate) fn belongs_to(&self, site: &Site) -> bool {
        self.0.said.is_by(site)
    }
}

/// A function that was asked without a request wanted to end the request.
pub(crate) fn no_request() -> BackendError {
    BackendError::new(ErrorKind::Plugin, "a function that is a setting refused an empty request")
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
