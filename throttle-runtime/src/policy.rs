//! Everything that is settled about one throttle: what a decision goes by.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::http::Headers;
use crate::plug::{Ask, role};
use crate::strategy::Strategy;
use crate::{ConfigError, Rates, Settings};

/// Settled settings: one version of everything, so that a decision never mixes two.
pub(crate) struct Policy {
    pub(crate) rate: &'static dyn Ask<role::rate>,
    /// The limits, where they are the same for every request.
    pub(crate) rates: Option<Rates>,
    pub(crate) strategy: &'static dyn Strategy,
    pub(crate) key: &'static dyn Ask<role::key>,
    pub(crate) cost: &'static dyn Ask<role::cost>,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) backend_name: Arc<str>,
    pub(crate) on_error: &'static dyn Ask<role::on_error>,
    pub(crate) handler: Option<&'static dyn Ask<role::handler>>,
    pub(crate) exempt: Option<&'static dyn Ask<role::exempt>>,
    pub(crate) headers: Headers,
    pub(crate) dry_run: bool,
    pub(crate) deadline: Duration,
    /// What was settled, for listings.
    pub(crate) settings: Settings,
}

impl Policy {
    /// Settles `settings` on a backend.
    pub(crate) fn new(
        uid: &str,
        settings: Settings,
        backend_name: Arc<str>,
        backend: Arc<dyn Backend>,
    ) -> Result<Self, ConfigError> {
        let settings = settings.or(Settings::BUILT_IN);
        let mut problems = Vec::new();
        let rates = settings.rate.and_then(|rate| check(rate, &mut problems));
        settings.cost.and_then(|cost| check(cost, &mut problems));
        settings.on_error.and_then(|policy| check(policy, &mut problems));
        if !problems.is_empty() {
            return Err(ConfigError::new(problems));
        }
        // Everything but the rate has a built-in default.
        Self::settled(settings, rates, backend_name, backend)
            .ok_or_else(|| ConfigError::one(format!("`{uid}` has no rate: give it one such as \"100/min\"")))
    }

    fn settled(
        settings: Settings,
        rates: Option<Rates>,
        backend_name: Arc<str>,
        backend: Arc<dyn Backend>,
    ) -> Option<Self> {
        Some(Self {
            rate: settings.rate?,
            rates,
            strategy: settings.strategy?,
            key: settings.key?,
            cost: settings.cost?,
            backend,
            backend_name,
            on_error: settings.on_error?,
            handler: settings.handler,
            exempt: settings.exempt,
            headers: settings.headers?,
            dry_run: settings.dry_run?,
            deadline: settings.deadline?,
            settings,
        })
    }
}

/// The value of a setting that is one; what is wrong with it goes to the problems.
fn check<R: crate::plug::Role>(ask: &dyn Ask<R>, problems: &mut Vec<String>) -> Option<R::Output> {
    match ask.value()? {
        Ok(value) => Some(value),
        Err(error) => {
            problems.extend(error.problems().iter().cloned());
            None
        }
    }
}
