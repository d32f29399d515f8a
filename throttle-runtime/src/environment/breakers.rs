//! The circuit breakers of a registry.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use super::breaker_sync::Sharing;
use crate::backend::named::NamedBackend;
use crate::clock::Clock;
use crate::resilience::{Breaker, CircuitBreaker, Identity};
use crate::util::sync;

/// One breaker for all throttles whose settings name the same breaker, or come from the same place in the
/// code.
pub(crate) struct Breakers {
    clock: Arc<dyn Clock>,
    sharing: Arc<Sharing>,
    known: Mutex<HashMap<Identity, (CircuitBreaker, Breaker)>>,
}

impl Breakers {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, sharing: Arc::default(), known: Mutex::default() }
    }

    /// Returns the breaker with these settings, or the problem with them. `shared` is the backend through
    /// which the breaker is shared, and its name there.
    pub(crate) fn get(
        &self,
        settings: CircuitBreaker,
        shared: Option<(&NamedBackend, Arc<str>)>,
    ) -> Result<Breaker, String> {
        let mut known = sync::lock(&self.known);
        let name = || Arc::from(settings.label());
        let make = || {
            let observer = shared.as_ref().map(|_| self.sharing.changed());
            let breaker = Breaker::new(settings, name(), Arc::clone(&self.clock), observer);
            if let Some((named, name)) = shared {
                self.sharing.add(named, name, breaker.clone());
            }
            (settings, breaker)
        };
        let (first, breaker) = known.entry(settings.identity()).or_insert_with(make);
        if first.agrees_with(&settings) {
            Ok(breaker.clone())
        } else {
            let name = breaker.name();
            Err(format!(
                "the breaker \"{name}\" is declared twice with different settings, {first} and {settings}: use the same settings"
            ))
        }
    }

    /// Starts the exchange of shared breakers with other instances, if it is not running.
    #[inline]
    pub(crate) fn share(&self) {
        self.sharing.start();
    }

    /// Stops the exchange of shared breakers.
    pub(crate) fn close(&self) {
        self.sharing.close();
    }

    /// Returns all breakers, in the order of their names.
    pub(crate) fn all(&self) -> Vec<Breaker> {
        let known = sync::lock(&self.known);
        let mut all: Vec<_> = known.values().map(|(_, breaker)| breaker.clone()).collect();
        all.sort_by(|one, other| one.name().cmp(other.name()));
        all
    }
}

impl fmt::Debug for Breakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all()).finish()
    }
}
