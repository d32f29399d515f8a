//! The state that all throttles of a registry share: declared backends, circuit breakers, and switches.

pub(crate) mod breaker_sync;
pub(crate) mod breakers;
pub(crate) mod enforcement;
pub(crate) mod problems;
pub(crate) mod recovery;
pub(crate) mod resolve;

use std::collections::HashMap;
use std::sync::Arc;

use breakers::Breakers;
use enforcement::Switches;

use crate::backend::named::NamedBackend;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::http::client::Clients;
use crate::http::client_lookup::ClientLookup;
use crate::util::task_tracker::TaskTracker;

/// The declared backends, defaults and overrides.
pub(crate) struct Declared {
    pub(crate) backends: HashMap<Arc<str>, (NamedBackend, Settings)>,
    pub(crate) defaults: Settings,
    pub(crate) overrides: HashMap<String, Settings>,
}

impl Declared {
    /// The declared backends without duplicates: one backend may be declared under several names.
    pub(crate) fn distinct_backends(&self) -> Vec<NamedBackend> {
        let mut distinct: Vec<NamedBackend> = Vec::new();
        for (named, _) in self.backends.values() {
            if !distinct.iter().any(|known| known.ptr_eq(named)) {
                distinct.push(named.clone());
            }
        }
        distinct
    }
}

/// The parts of a registry that its throttles share.
pub(crate) struct Environment {
    pub(crate) declared: Declared,
    pub(crate) namespace: String,
    pub(crate) breakers: Breakers,
    pub(crate) probes_in_background: bool,
    /// Resolves the clients of requests.
    pub(crate) lookup: ClientLookup,
    pub(crate) switches: Switches,
    /// Background tasks that still have to call a backend. The backend is not closed before they are done.
    pub(crate) tasks: TaskTracker,
}

impl Environment {
    pub(crate) fn new(
        declared: Declared,
        namespace: String,
        clients: Clients,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            declared,
            namespace,
            breakers: Breakers::new(Arc::clone(&clock)),
            lookup: ClientLookup::new(clients, clock),
            probes_in_background: false,
            switches: Switches::default(),
            tasks: TaskTracker::default(),
        }
    }

    /// Starts the exchange of shared breakers with other instances, if it is not running. Called by the first
    /// request that uses a breaker.
    #[inline]
    pub(crate) fn share_breakers(&self) {
        self.breakers.share();
    }

    /// Returns the scope of a uid's state. The scope begins with the length of the namespace, so that a
    /// namespace and a uid cannot imitate another pair.
    pub(crate) fn scope(&self, uid: &str) -> Arc<str> {
        format!("{}:{}:{uid}", self.namespace.len(), self.namespace).into()
    }
}
