//! Resolves the settings of a throttle, from all places where they can be set, to a policy.
//!
//! The startup check, the creation of a throttle and every update use this code, so all of them find the same
//! problems.

use crate::backend::named::NamedBackend;
use crate::config::declaration::Declaration;
use crate::config::effective::Origin;
use crate::config::network::Lists;
use crate::config::policy::Policy;
use crate::config::settings::MEMORY;
use crate::environment::{Environment, problems};

use crate::config::settings::Settings;
use crate::resilience::{Recovery, ResolvedRecovery};

/// The backend of a throttle, and its settings by place. The first place that has a setting wins.
type Places<'c> = (&'c NamedBackend, [(Origin, Settings); 6]);

impl Environment {
    /// Resolves the policy of a throttle from its declaration and its updates, or returns every problem. If
    /// there are problems, nothing is created.
    pub(crate) fn settle(&self, declaration: &Declaration, updates: Settings) -> Result<Policy, Vec<String>> {
        let uid = &*declaration.uid;
        let wrong = [&updates, &declaration.settings].into_iter().flat_map(Settings::problems);
        let mut problems: Vec<_> = wrong.map(|problem| format!("`{uid}`: {problem}")).collect();
        let (primary, places) = match self.places(declaration, &updates) {
            Ok(places) => places,
            Err(problem) => {
                problems.push(problem);
                return Err(problems);
            }
        };
        let settings = places.iter().fold(Settings::NONE, |all, (_, settings)| all.or(settings.clone()));
        let by = places.iter().find(|(_, settings)| settings.on_error.is_some());
        let by_default = by.is_some_and(|(origin, _)| matches!(origin, Origin::Defaults));
        let recovery = settings.on_error.as_ref().and_then(|policy| policy.recovery());
        let policy = match Policy::new((uid, &declaration.name), settings.clone(), primary, updates) {
            // The missing rate may be a consequence of another mistake.
            Err(_) if !problems.is_empty() => None,
            policy => policy.map_err(|problem| problems.push(problem)).ok(),
        };
        let standby = recovery.map(|recovery| self.standby(uid, &recovery, primary, by_default)).transpose();
        let standby = standby.map_err(|problem| problems.push(problem)).ok().flatten().flatten();
        let breaker = recovery.and_then(|recovery| recovery.breaker);
        let shared = breaker.map(|breaker| self.coordination_store(uid, breaker)).transpose();
        let shared = shared.map_err(|problem| problems.push(problem)).ok().flatten().flatten();
        if settings.max_concurrent.is_some() {
            problems.extend(problems::without_concurrency_store(uid, primary, standby.as_ref()));
        }
        let lists = Lists::open(uid, &settings, self.lookup.clock.now());
        let lists = lists.map_err(|problem| problems.push(problem)).ok().flatten();
        let Some(policy) = policy.filter(|_| problems.is_empty()) else { return Err(problems) };
        // This creates a breaker, so no step after it may fail.
        let breaker = breaker.map(|breaker| self.breakers.get(breaker, shared)).transpose();
        let breaker = breaker.map_err(|problem| vec![problem])?;
        let recognises = policy.primary.backend.recognises_retries(&*policy.strategy);
        let resolved = |recovery: Recovery| ResolvedRecovery::new(&recovery, standby, breaker, recognises);
        Ok(policy.with_recovery(recovery.map(resolved)).with_lists(lists))
    }

    /// Returns the backend and all settings of a throttle with this declaration and these updates.
    pub(crate) fn places(&self, declaration: &Declaration, updates: &Settings) -> Result<Places<'_>, String> {
        let declared = &self.declared;
        let over = declared.overrides.get(&*declaration.uid).cloned().unwrap_or_default();
        let backend =
            [updates, &over, &declaration.settings, &declared.defaults].map(|settings| &settings.backend);
        let wanted = backend.into_iter().flatten().next().map_or(MEMORY, |name| &**name);
        let Some((primary, theirs)) = declared.backends.get(wanted) else {
            return Err(problems::unknown_backend(&declaration.uid, wanted, declared.backends.keys()));
        };
        let places = [
            (Origin::RunTime, updates.clone()),
            (Origin::Override, over),
            (Origin::Code(declaration.location), declaration.settings.clone()),
            (Origin::Backend(primary.name.clone()), theirs.clone()),
            (Origin::Defaults, declared.defaults.clone()),
            (Origin::BuiltIn, Settings::BUILT_IN),
        ];
        Ok((primary, places))
    }
}
