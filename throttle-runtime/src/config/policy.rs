//! The resolved settings of one throttle, which its decisions use.

#[cfg(any(feature = "axum", feature = "tower"))]
use std::any::TypeId;
#[cfg(any(feature = "axum", feature = "tower"))]
use std::slice;
use std::sync::Arc;
use std::time::Duration;

#[cfg(any(feature = "axum", feature = "tower"))]
use super::key_source::Ip;
use super::network::Lists;
use super::resolver::{Call, ChargePredicate, Resolver, erase, role};
use super::rule::Rules;
use super::settings::Same;
use crate::backend::FastPath;
use crate::backend::named::NamedBackend;
use crate::config::settings::Settings;
#[cfg(any(feature = "axum", feature = "tower"))]
use crate::decision::Quota;
use crate::http::Headers;
use crate::http::header_fields::Advertised;
#[cfg(any(feature = "axum", feature = "tower"))]
use crate::http::header_fields::Report;
use crate::rate::{Rate, Rates};
use crate::resilience::{Reconciler, ResolvedRecovery};
use crate::strategy::{Arrival, State, Strategy};
use crate::util::fingerprint::Domain;
use crate::util::shared::Shared;

/// The resolved settings of a throttle. A policy is one version of all settings, so a decision never mixes two
/// versions.
#[expect(clippy::struct_excessive_bools, reason = "settings that are switched on and off by themselves")]
pub(crate) struct Policy {
    pub(crate) rate: Shared<dyn Resolver<role::rate>>,
    /// The limits, if they are the same for every request.
    pub(crate) rates: Option<Rates>,
    pub(crate) strategy: Shared<dyn Strategy>,
    /// The fast path of its decisions, if there is one.
    pub(crate) fast_path: Option<FastPath>,
    /// Whether requests are decided by the fast path, because no setting depends on more than the key.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) has_request_fast_path: bool,
    /// Whether the key is the client's address.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) keys_by_ip: bool,
    /// Whether all requests of the same cost are charged in the same way.
    pub(crate) charges_alike: bool,
    /// The domain that separates its states from others, if the periods are the same for every request.
    pub(crate) domain: Option<Domain>,
    pub(crate) key: Shared<dyn Resolver<role::key>>,
    pub(crate) cost: Shared<dyn Resolver<role::cost>>,
    pub(crate) class: Option<Shared<dyn Resolver<role::class>>>,
    /// The function that returns the client's key and the limits that apply to it.
    pub(crate) caller: Option<Shared<dyn Resolver<role::caller>>>,
    /// The cost, if it is the same for every request.
    pub(crate) constant_cost: Option<u64>,
    /// The limit on requests in flight.
    pub(crate) concurrency: Option<Concurrency>,
    pub(crate) primary: NamedBackend,
    pub(crate) on_error: Shared<dyn Resolver<role::on_error>>,
    /// The recovery that is tried before `on_error` applies.
    pub(crate) recovery: Option<Arc<ResolvedRecovery>>,
    /// The carry-over: the usage that the fallback starts from, and the usage that it owes to the primary
    /// afterwards.
    pub(crate) reconciler: Option<Arc<Reconciler>>,
    pub(crate) handler: Option<Shared<dyn Resolver<role::handler>>>,
    pub(crate) exempt: Option<Shared<dyn Resolver<role::exempt>>>,
    /// The networks whose clients are not limited, and the networks whose clients are rejected.
    pub(crate) lists: Option<Lists>,
    pub(crate) rules: Rules,
    pub(crate) headers: Headers,
    /// The throttle's name in headers.
    pub(crate) name: Arc<str>,
    /// The part of the headers that describes its limits, if they are the same for every request.
    pub(crate) advertised: Option<Advertised>,
    pub(crate) dry_run: bool,
    /// Whether a request that reaches the throttle again is charged only once.
    pub(crate) once_per_request: bool,
    /// The predicate that decides which responses are charged. `None` charges all of them.
    #[cfg_attr(
        not(any(feature = "axum", feature = "tower")),
        expect(dead_code, reason = "only those have responses")
    )]
    pub(crate) charge_when: Option<Shared<dyn ChargePredicate>>,
    /// Whether denied requests continue to a handler that receives the denial.
    pub(crate) degrade: bool,
    /// The timeout of each attempt.
    pub(crate) timeout: Duration,
    /// The timeout of all attempts and the waits between them.
    pub(crate) total_timeout: Duration,
    /// The resolved settings, for listings.
    pub(crate) settings: Settings,
    /// The settings that were set at run time.
    pub(crate) updates: Settings,
}

/// A limit on requests in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Concurrency {
    pub(crate) limit: u32,
    /// The time after which the permit of a process that is gone is free again.
    pub(crate) permit_ttl: Duration,
}

/// The rate of a throttle that limits only requests in flight.
const NO_RATE: &dyn Resolver<role::rate> = &erase::<role::rate, _, _, Call>(Rate::UNLIMITED);

impl Policy {
    /// Resolves `settings` on a backend, or returns what is wrong with them. Each value was checked where it
    /// was set.
    pub(crate) fn new(
        (uid, name): (&str, &str),
        settings: Settings,
        primary: &NamedBackend,
        updates: Settings,
    ) -> Result<Self, String> {
        // Every setting except the rate has a built-in default.
        let no_rate = || {
            format!(
                "`{uid}` has no rate: give it one such as \"100/min\", or limit what is in flight by `max_concurrent`"
            )
        };
        let policy = Self::from_settings(name, settings, primary, updates).ok_or_else(no_rate)?;
        if let Some((cost, rate)) = policy.too_tight() {
            return Err(format!(
                "`{uid}` never lets anything through: its cost of {cost} does not fit {rate}, however long one waits"
            ));
        }
        match policy.misfit() {
            Some(misfit) => Err(format!("the strategy of `{uid}` does not fit: {misfit}")),
            None => Ok(policy),
        }
    }

    /// Returns why the strategy cannot enforce the limits, if they are constant.
    fn misfit(&self) -> Option<String> {
        self.rates?.iter().find_map(|rate| self.strategy.misfit(*rate))
    }

    /// Adds the recovery that is tried when the backend fails.
    pub(crate) fn with_recovery(mut self, recovery: Option<Arc<ResolvedRecovery>>) -> Self {
        let Some(recovery) = recovery else { return self };
        self.total_timeout =
            self.settings.total_timeout.unwrap_or_else(|| recovery.total_timeout(self.timeout));
        self.settings.total_timeout = Some(self.total_timeout);
        self.recovery = Some(recovery);
        self
    }

    /// Sets another name for headers.
    pub(crate) fn named(self, name: &Arc<str>) -> Self {
        let advertised = self.rates.map(|rates| advertised(name, &*self.strategy, &rates));
        Self { name: Arc::clone(name), advertised, ..self }
    }

    /// Sets the lists of networks.
    pub(crate) fn with_lists(self, lists: Option<Lists>) -> Self {
        Self { lists, ..self }
    }

    /// Returns the cost and the limit that the cost never fits, if both are constant and do not depend on the
    /// caller.
    fn too_tight(&self) -> Option<(u64, Rate)> {
        let cost = self.constant_cost?;
        self.never_fits(cost).map(|rate| (cost, rate))
    }

    /// Returns the limit that a cost never fits, if the limits are constant and do not depend on the caller.
    pub(crate) fn never_fits(&self, cost: u64) -> Option<Rate> {
        let rates = self.rates.filter(|_| self.class.is_none())?;
        let never = |rate: &&Rate| {
            let step = || self.strategy.step(&State::EMPTY, &Arrival::new(**rate, cost, 0));
            !rate.is_unlimited() && step().quota.is_never()
        };
        rates.iter().find(never).copied()
    }

    fn from_settings(
        name: &str,
        settings: Settings,
        primary: &NamedBackend,
        updates: Settings,
    ) -> Option<Self> {
        let (timeout, permit_ttl) = (settings.timeout?, settings.permit_ttl?);
        let concurrency = settings.max_concurrent.map(|limit| Concurrency { limit, permit_ttl });
        let rate = settings.rate.clone().or(concurrency.map(|_| Shared::Static(NO_RATE)))?;
        let cost = settings.cost.clone()?;
        // A caller may have rates of its own.
        let rates = rate.value().and_then(Result::ok).filter(|_| settings.caller.is_none());
        let strategy = settings.strategy.clone()?;
        let advertised = rates.map(|rates| advertised(name, &*strategy, &rates));
        Some(Self {
            strategy,
            advertised,
            rate,
            rates,
            domain: None,
            fast_path: None,
            #[cfg(any(feature = "axum", feature = "tower"))]
            has_request_fast_path: false,
            #[cfg(any(feature = "axum", feature = "tower"))]
            keys_by_ip: false,
            charges_alike: false,
            key: settings.key.clone()?,
            class: settings.class.clone(),
            caller: settings.caller.clone(),
            constant_cost: cost.value().and_then(Result::ok),
            cost,
            concurrency,
            primary: primary.clone(),
            on_error: settings.on_error.clone()?,
            recovery: None,
            reconciler: None,
            handler: settings.handler.clone(),
            exempt: settings.exempt.clone(),
            lists: None,
            rules: settings.rules(),
            headers: settings.headers?,
            name: Arc::from(name),
            dry_run: settings.dry_run?,
            once_per_request: settings.once_per_request?,
            charge_when: settings.charge_when.clone(),
            degrade: settings.degrade?,
            timeout,
            total_timeout: settings.total_timeout.unwrap_or(timeout),
            settings,
            updates,
        })
    }

    /// Sets the scope in which the throttle's states are kept. `before` are the earlier policies of the
    /// throttle.
    pub(crate) fn in_scope<'p>(
        mut self,
        scope: &Arc<str>,
        before: impl IntoIterator<Item = &'p Arc<Self>>,
    ) -> Self {
        let standby = self.recovery.as_ref().and_then(|recovery| recovery.standby.as_ref());
        self.reconciler = standby.map(|standby| {
            let known = before.into_iter().find(|known| known.carries_like(&self));
            let reconciler =
                || Arc::new(Reconciler::new(standby.share, Arc::clone(scope), self.strategy.clone()));
            known.and_then(|known| known.reconciler.clone()).unwrap_or_else(reconciler)
        });
        let limited = self.rates.as_ref().filter(|rates| !rates.is_unlimited());
        self.domain = limited.map(|rates| Domain::new(scope, self.strategy.name(), rates));
        self.charges_alike = self.domain.is_some() && !self.dry_run && self.class.is_none();
        // A decision that is passed to a handler needs memory in any case.
        let asks = self.dry_run || self.degrade || self.class.is_some() || self.concurrency.is_some();
        let ways = self.domain.zip(limited).filter(|_| !asks);
        self.fast_path = ways.and_then(|(domain, rates)| {
            FastPath::new(&*self.primary.backend, domain, &*self.strategy, rates)
        });
        #[cfg(any(feature = "axum", feature = "tower"))]
        self.resolve_requests();
        self
    }

    /// Resolves what requests need besides the fast path of their decisions.
    #[cfg(any(feature = "axum", feature = "tower"))]
    fn resolve_requests(&mut self) {
        let asks = self.exempt.is_some() || self.lists.is_some() || self.charge_when.is_some();
        self.has_request_fast_path =
            self.fast_path.is_some() && !asks && self.constant_cost.is_some_and(|cost| cost > 0);
        self.keys_by_ip = self.key.function() == Some(TypeId::of::<Ip>());
    }

    /// Returns whether the settings require retries after timeouts, and the backend recognizes them.
    pub(crate) fn recognises(&self) -> bool {
        self.recovery.as_ref().is_some_and(|recovery| recovery.recognises)
    }

    /// Returns whether the settings require retries after timeouts of a backend that cannot recognize a request
    /// that it has charged. The memory backend decides without waiting, so it has no timeouts.
    pub(crate) fn retries_unrecognised(&self) -> bool {
        let retry = self.recovery.as_ref().and_then(|recovery| recovery.retry);
        retry.is_some_and(|retry| retry.names_timeouts)
            && self.primary.backend.engine().is_none()
            && !self.recognises()
    }

    /// Returns whether both policies fall back in the same way, so that usage owed by one is owed by the other,
    /// too.
    fn carries_like(&self, other: &Self) -> bool {
        let standby = |policy: &Self| policy.recovery.as_ref().and_then(|recovery| recovery.standby.clone());
        let same = standby(self).zip(standby(other)).is_some_and(|(one, other)| one.is_like(&other));
        same && self.primary.ptr_eq(&other.primary) && self.strategy.same(&other.strategy)
    }
}

/// Returns the content of the headers for a client with the usual limits.
fn advertised(name: &str, strategy: &dyn Strategy, rates: &Rates) -> Advertised {
    let usual = |rate: &Rate| {
        if rate.is_unlimited() {
            return *rate;
        }
        strategy.step(&State::EMPTY, &Arrival::new(*rate, 0, 0)).quota.rate()
    };
    Advertised::new(name, rates.iter().map(usual))
}

#[cfg(any(feature = "axum", feature = "tower"))]
impl<'a> Report<'a> {
    /// The report for an admitted request.
    pub(crate) fn allowed(policy: &'a Policy, quotas: &'a [Quota]) -> Self {
        Self {
            name: &policy.name,
            advertised: policy.advertised.as_ref(),
            quotas,
            retry_after: None,
            denied: false,
            headers: policy.headers,
        }
    }

    /// The report for a request that the only limit denied.
    pub(crate) fn denied(policy: &'a Policy, quota: &'a Quota) -> Self {
        let quotas = slice::from_ref(quota);
        Self { retry_after: quota.retry_after(), denied: true, ..Self::allowed(policy, quotas) }
    }
}
