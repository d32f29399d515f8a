//! Resolves the names in a recovery to the backends of a registry.

use std::sync::Arc;

use crate::backend::named::NamedBackend;
use crate::environment::{Environment, problems};

use crate::resilience::{CircuitBreaker, Recovery};

impl Environment {
    /// Returns the fallback backend that a recovery names. A recovery in the defaults may name the backend on
    /// which some throttles run anyway. Those throttles have no fallback.
    pub(crate) fn standby(
        &self,
        uid: &str,
        recovery: &Recovery,
        primary: &NamedBackend,
        by_default: bool,
    ) -> Result<Option<NamedBackend>, String> {
        let backends = &self.declared.backends;
        let Some(name) = recovery.fallback.map(|fallback| fallback.name) else { return Ok(None) };
        match backends.get(name) {
            None => Err(problems::unknown_fallback(uid, name, backends.keys())),
            Some((standby, _)) if standby.ptr_eq(primary) && by_default => Ok(None),
            Some((standby, _)) if standby.ptr_eq(primary) => Err(format!(
                "`{uid}` runs on \"{}\" and falls back to the same backend: name another backend",
                primary.name
            )),
            Some((standby, _)) => Ok(Some(standby.clone())),
        }
    }

    /// Returns the backend through which a breaker with these settings is shared, and the breaker's name
    /// there. `None` if the breaker is not shared.
    pub(crate) fn coordination_store(
        &self,
        uid: &str,
        settings: CircuitBreaker,
    ) -> Result<Option<(&NamedBackend, Arc<str>)>, String> {
        let backends = &self.declared.backends;
        let Some(through) = settings.shared_by else { return Ok(None) };
        let Some(name) = settings.chosen_name() else {
            return Err(format!(
                "`{uid}` has a breaker without a name that is shared through \"{through}\": write `.named(..)`, as the \
                 other instances know it by its name"
            ));
        };
        let Some((named, _)) = backends.get(through) else {
            return Err(problems::unknown_coordination_store(uid, through, backends.keys()));
        };
        if named.backend.coordination_store().is_none() {
            return Err(format!(
                "`{uid}` shares the breaker \"{name}\" through \"{through}\", which has no storage that other instances \
                 read: name a backend that has, such as `Redis`"
            ));
        }
        Ok(Some((named, self.scope(name))))
    }
}
