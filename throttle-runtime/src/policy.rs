//! Everything that is settled about one throttle: what a decision goes by.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::Short;
use crate::failure::{Carry, Rescue};
use crate::fingerprint::Domain;
use crate::http::Headers;
use crate::http::fields::Advertised;
use crate::network::Lists;
use crate::plug::{Ask, Call, Judge, role, wrap};
use crate::registry::Member;
use crate::rule::Rules;
use crate::settings::{Same, Shared};
use crate::strategy::{Arrival, State, Strategy};
use crate::{Rate, Rates, Settings};

/// Settled settings: one version of everything, so that a decision never mixes two.
#[expect(clippy::struct_excessive_bools, reason = "settings that are switched on and off by themselves")]
pub(crate) struct Policy {
    pub(crate) rate: Shared<dyn Ask<role::rate>>,
    /// The limits, where they are the same for every request.
    pub(crate) rates: Option<Rates>,
    pub(crate) strategy: Shared<dyn Strategy>,
    /// The short way of its decisions, where there is one.
    pub(crate) short: Option<Short>,
    /// Whether all requests of a cost are charged alike.
    pub(crate) charges_alike: bool,
    /// What keeps its states apart, where the periods are the same for every request.
    pub(crate) domain: Option<Domain>,
    pub(crate) key: Shared<dyn Ask<role::key>>,
    pub(crate) cost: Shared<dyn Ask<role::cost>>,
    pub(crate) class: Option<Shared<dyn Ask<role::class>>>,
    /// Who the client is, and which limits apply to it.
    pub(crate) caller: Option<Shared<dyn Ask<role::caller>>>,
    /// The cost, where it is the same for every request.
    pub(crate) units: Option<u64>,
    /// How many requests may be in flight at once.
    pub(crate) concurrency: Option<Concurrency>,
    pub(crate) primary: Member,
    pub(crate) on_error: Shared<dyn Ask<role::on_error>>,
    /// What is tried before `on_error` has the word.
    pub(crate) rescue: Option<Arc<Rescue>>,
    /// What its fallback begins with, and owes afterwards.
    pub(crate) carry: Option<Arc<Carry>>,
    pub(crate) handler: Option<Shared<dyn Ask<role::handler>>>,
    pub(crate) exempt: Option<Shared<dyn Ask<role::exempt>>>,
    /// Whose clients are not limited, and whose are not let in.
    pub(crate) lists: Option<Lists>,
    pub(crate) rules: Rules,
    pub(crate) headers: Headers,
    /// The throttle's name in header fields.
    pub(crate) name: Arc<str>,
    /// What header fields say of its limits, where they are the same for every request.
    pub(crate) advertised: Option<Advertised>,
    pub(crate) dry_run: bool,
    /// Whether a request that reaches the throttle again is not charged again.
    pub(crate) once_per_request: bool,
    /// Which responses are charged; all, if nothing is said.
    #[cfg_attr(
        not(any(feature = "axum", feature = "tower")),
        expect(dead_code, reason = "only those have responses")
    )]
    pub(crate) charge_when: Option<Shared<dyn Judge>>,
    /// Whether requests that it denies go on, and are told so.
    pub(crate) degrade: bool,
    /// For each attempt.
    pub(crate) deadline: Duration,
    /// For all attempts and the waits between them.
    pub(crate) budget: Duration,
    /// What was settled, for listings.
    pub(crate) settings: Settings,
    /// What of it was said while the program runs.
    pub(crate) updates: Settings,
}

/// A limit on what is in flight at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Concurrency {
    pub(crate) limit: u32,
    /// After which time the place of a process that is gone is free again.
    pub(crate) lease: Duration,
}

/// The rate of a throttle that limits only what is in flight.
const NO_RATE: &dyn Ask<role::rate> = &wrap::<role::rate, _, _, Call>(Rate::UNLIMITED);

impl Policy {
    /// Settles `settings`, whose values were checked where they are said, on a backend; or what is wrong with them.
    pub(crate) fn new(
        (uid, name): (&str, &str),
        settings: Settings,
        primary: &Member,
        updates: Settings,
    ) -> Result<Self, String> {
        // Everything but the rate has a built-in default.
        let no_rate = || {
            format!(
                "`{uid}` has no rate: give it one such as \"100/min\", or limit what is in flight by `concurrent`"
            )
        };
        let policy = Self::settled(name, settings, primary, updates).ok_or_else(no_rate)?;
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

    /// Why its strategy cannot enforce its limits, if they are constant.
    fn misfit(&self) -> Option<String> {
        self.rates?.iter().find_map(|rate| self.strategy.misfit(*rate))
    }

    /// The same with what is tried when the backend fails.
    pub(crate) fn rescued(mut self, rescue: Option<Arc<Rescue>>) -> Self {
        let Some(rescue) = rescue else { return self };
        self.budget = self.settings.budget.unwrap_or_else(|| rescue.budget(self.deadline));
        self.settings.budget = Some(self.budget);
        self.rescue = Some(rescue);
        self
    }

    /// The same under another name in headers.
    pub(crate) fn named(self, name: &Arc<str>) -> Self {
        let advertised = self.rates.map(|rates| advertised(name, &*self.strategy, &rates));
        Self { name: Arc::clone(name), advertised, ..self }
    }

    /// The same with lists of networks.
    pub(crate) fn listing(self, lists: Option<Lists>) -> Self {
        Self { lists, ..self }
    }

    /// The cost and the limit that it never fits, if both are constant and nothing about the caller matters.
    fn too_tight(&self) -> Option<(u64, Rate)> {
        let cost = self.units?;
        self.never_fits(cost).map(|rate| (cost, rate))
    }

    /// The limit that a cost never fits, if the limits are constant and nothing about the caller matters.
    pub(crate) fn never_fits(&self, cost: u64) -> Option<Rate> {
        let rates = self.rates.filter(|_| self.class.is_none())?;
        let never = |rate: &&Rate| {
            let step = || self.strategy.step(&State::EMPTY, &Arrival::new(**rate, cost, 0));
            !rate.is_unlimited() && step().quota.is_never()
        };
        rates.iter().find(never).copied()
    }

    fn settled(name: &str, settings: Settings, primary: &Member, updates: Settings) -> Option<Self> {
        let (deadline, lease) = (settings.deadline?, settings.lease?);
        let concurrency = settings.concurrent.map(|limit| Concurrency { limit, lease });
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
            short: None,
            charges_alike: false,
            key: settings.key.clone()?,
            class: settings.class.clone(),
            caller: settings.caller.clone(),
            units: cost.value().and_then(Result::ok),
            cost,
            concurrency,
            primary: primary.clone(),
            on_error: settings.on_error.clone()?,
            rescue: None,
            carry: None,
            handler: settings.handler.clone(),
            exempt: settings.exempt.clone(),
            lists: None,
            rules: Rules::of(&settings),
            headers: settings.headers?,
            name: Arc::from(name),
            dry_run: settings.dry_run?,
            once_per_request: settings.once_per_request?,
            charge_when: settings.charge_when.clone(),
            degrade: settings.degrade?,
            deadline,
            budget: settings.budget.unwrap_or(deadline),
            settings,
            updates,
        })
    }

    /// The same for a throttle whose states are kept in that scope, and that had these policies before.
    pub(crate) fn in_scope<'p>(
        mut self,
        scope: &Arc<str>,
        before: impl IntoIterator<Item = &'p Arc<Self>>,
    ) -> Self {
        let standby = self.rescue.as_ref().and_then(|rescue| rescue.standby.as_ref());
        self.carry = standby.map(|standby| {
            let known = before.into_iter().find(|known| known.carries_like(&self));
            let carry = || Arc::new(Carry::new(standby.share, Arc::clone(scope), self.strategy.clone()));
            known.and_then(|known| known.carry.clone()).unwrap_or_else(carry)
        });
        let limited = self.rates.as_ref().filter(|rates| !rates.is_unlimited());
        self.domain = limited.map(|rates| Domain::new(scope, &*self.strategy, rates));
        self.charges_alike = self.domain.is_some() && !self.dry_run && self.class.is_none();
        // What is told to a handler takes memory in any case.
        let asks = self.dry_run || self.degrade || self.class.is_some() || self.concurrency.is_some();
        let ways = self.domain.zip(limited).filter(|_| !asks);
        self.short = ways
            .and_then(|(domain, rates)| Short::new(&*self.primary.backend, domain, &*self.strategy, rates));
        self
    }

    /// Whether the settings ask for retries after timeouts, and the backend recognises them.
    pub(crate) fn recognises(&self) -> bool {
        self.rescue.as_ref().is_some_and(|rescue| rescue.recognises)
    }

    /// Whether it is to retry timeouts of a backend that cannot recognise a request that it has charged. Memory decides
    /// without waiting, so it has no timeouts.
    pub(crate) fn retries_unrecognised(&self) -> bool {
        let retry = self.rescue.as_ref().and_then(|rescue| rescue.retry);
        retry.is_some_and(|retry| retry.names_timeouts)
            && self.primary.backend.engine().is_none()
            && !self.recognises()
    }

    /// Whether both fall back in the same way, so that what one of them owes is owed by the other, too.
    fn carries_like(&self, other: &Self) -> bool {
        let standby = |policy: &Self| policy.rescue.as_ref().and_then(|rescue| rescue.standby.clone());
        let same = standby(self).zip(standby(other)).is_some_and(|(one, other)| one.is_like(&other));
        same && self.primary.is(&other.primary) && self.strategy.same(&other.strategy)
    }
}

/// What the headers contain for a client that has the usual limits.
fn advertised(name: &str, strategy: &dyn Strategy, rates: &Rates) -> Advertised {
    let usual = |rate: &Rate| {
        if rate.is_unlimited() {
            return *rate;
        }
        strategy.step(&State::EMPTY, &Arrival::new(*rate, 0, 0)).quota.rate()
    };
    Advertised::new(name, rates.iter().map(usual))
}
