//! Everything that is settled about one throttle: what a decision goes by.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use crate::backend::Backend;
use crate::http::{Headers, fields};
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
    /// The throttle's name in header fields.
    pub(crate) name: Arc<str>,
    /// The value of `RateLimit-Policy`, where it is the same for every answer.
    pub(crate) advertised: Option<HeaderValue>,
    pub(crate) dry_run: bool,
    pub(crate) deadline: Duration,
    /// What was settled, for listings.
    pub(crate) settings: Settings,
}

impl Policy {
    /// Settles `settings`, whose values were checked where they are said, on a backend.
    pub(crate) fn new(
        (uid, name): (&str, &str),
        settings: Settings,
        backend: (&Arc<str>, &Arc<dyn Backend>),
    ) -> Result<Self, ConfigError> {
        let settings = settings.or(Settings::BUILT_IN);
        let rates = settings.rate.and_then(|rate| rate.value()?.ok());
        // Everything but the rate has a built-in default.
        Self::settled(name, settings, rates, backend)
            .ok_or_else(|| ConfigError::one(format!("`{uid}` has no rate: give it one such as \"100/min\"")))
    }

    fn settled(
        name: &str,
        settings: Settings,
        rates: Option<Rates>,
        (backend_name, backend): (&Arc<str>, &Arc<dyn Backend>),
    ) -> Option<Self> {
        Some(Self {
            rate: settings.rate?,
            rates,
            strategy: settings.strategy?,
            key: settings.key?,
            cost: settings.cost?,
            backend: Arc::clone(backend),
            backend_name: Arc::clone(backend_name),
            on_error: settings.on_error?,
            handler: settings.handler,
            exempt: settings.exempt,
            headers: settings.headers?,
            name: Arc::from(name),
            advertised: rates.and_then(|rates| fields::policy(name, rates.iter().copied())),
            dry_run: settings.dry_run?,
            deadline: settings.deadline?,
            settings,
        })
    }
}
