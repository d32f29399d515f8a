//! The life of a registry: it starts after all checks, and it can be reset and closed.

use std::sync::Arc;
use std::time::Duration;

use super::{Registry, RegistryBuilder, check};
use crate::backend::Memory;
use crate::backend::deadline::within;
use crate::backend::named::NamedBackend;
use crate::config::settings::{MEMORY, Settings};
use crate::environment::{Declared, Environment};
use crate::error::chain::chain;
use crate::error::{BackendError, ConfigError};
use crate::util::{audit, notice};

/// The timeout of a backend for initialisation, for a reset and for closing.
const LIFECYCLE: Duration = Duration::from_secs(5);

impl RegistryBuilder {
    /// Checks the whole program against this declaration, initialises the backends, and makes the registry
    /// the global one. For each attribute, one event at level INFO reports its limits, its backend, its
    /// `on_error`, and the time budget of a decision.
    ///
    /// # Errors
    ///
    /// Returns all problems of the declaration and of the attributes together. A problem of an attribute
    /// contains its file and line. Examples are:
    ///
    /// - a backend that is not declared
    /// - two attributes with one uid and different settings
    /// - an override for a uid that no attribute has
    /// - a value that does not parse
    ///
    /// If there are no such problems, it returns all backends that cannot be initialised within five seconds.
    /// It also fails if a registry is installed or in use already.
    pub async fn install(self) -> Result<Registry, ConfigError> {
        Registry::check_not_global_yet()?;
        let required = self.required;
        let registry = self.checked(Registry::verify)?;
        registry.initialize(required).await?;
        match registry.clone().make_global() {
            Ok(global) => {
                global.announce();
                Ok(global)
            }
            Err(taken) => {
                // Otherwise, no code would close the backends that were initialised.
                let _ = registry.close().await;
                Err(taken)
            }
        }
    }

    /// Like [`install`](Self::install), but for a registry beside the global one. The declaration is checked
    /// immediately. Attributes are checked when they are first used, because most of the program belongs to
    /// the global registry.
    ///
    /// # Errors
    ///
    /// Returns all problems of the declaration together. Without such problems, it returns all backends that
    /// cannot be initialised within five seconds.
    pub async fn build(self) -> Result<Registry, ConfigError> {
        let required = self.required;
        let registry = self.checked(|_| Vec::new())?;
        registry.initialize(required).await?;
        Ok(registry)
    }

    fn checked(mut self, more: impl FnOnce(&Registry) -> Vec<String>) -> Result<Registry, ConfigError> {
        let memory = || (NamedBackend::new(MEMORY, Arc::new(Memory::new())), Settings::NONE);
        self.backends.entry(Arc::from(MEMORY)).or_insert_with(memory);
        let mut problems = self.problems;
        let declared =
            Declared { backends: self.backends, defaults: self.defaults, overrides: self.overrides };
        problems.extend(check::unknown_overrides(declared.overrides.keys()));
        problems.extend(declared.problems());
        problems.extend(self.clients.problems());
        let mut environment = Environment::new(declared, self.namespace, self.clients, self.clock);
        environment.probes_in_background = self.probes_in_background;
        let registry = Registry::new(environment);
        problems.extend(more(&registry));
        if problems.is_empty() { Ok(registry) } else { Err(ConfigError::new(problems)) }
    }
}

impl Registry {
    async fn initialize(&self, required: bool) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        for named in self.declared().distinct_backends() {
            if let Err(error) = named.prepare_or_wait(LIFECYCLE).await {
                let problem =
                    format!("the backend \"{}\" cannot be initialised: {}", named.name, chain(&error));
                if required {
                    problems.push(problem);
                } else {
                    tracing::warn!(target: "throttle", backend = &*named.name, error = chain(&error), "the backend cannot be initialised yet");
                    notice::unheard_warning(|| problem);
                }
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        // Otherwise, no code would close the backends that were initialised.
        let _ = self.close().await;
        Err(ConfigError::outage(problems))
    }

    /// Closes every backend exactly once. Call it at the end of the program, after the last request. A
    /// further call only waits for a first call that is still running. Each backend has a timeout of five
    /// seconds.
    ///
    /// ```no_run
    /// # use std::error::Error;
    /// # async fn example(listener: tokio::net::TcpListener, app: axum::Router) -> Result<(), Box<dyn Error>> {
    /// axum::serve(listener, app).await?;
    /// throttle::Registry::current().close().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the first error of a backend. The other backends are closed all the same.
    pub async fn close(&self) -> Result<(), BackendError> {
        self.0.environment.breakers.close();
        let mut open = self.0.open.lock().await;
        self.0.environment.tasks.end(LIFECYCLE).await;
        let mut result = Ok(());
        // The backends are removed one by one, so that the next call closes the rest if this call is dropped.
        while let Some(named) = open.pop() {
            result = result.and(within(LIFECYCLE, named.backend.close()).await);
        }
        result
    }

    /// Resets the usage in every backend. Each backend has a timeout of five seconds.
    ///
    /// # Errors
    ///
    /// Returns the first error of a backend. The other backends are reset all the same.
    pub async fn reset(&self) -> Result<(), BackendError> {
        let mut result = Ok(());
        for named in self.declared().distinct_backends() {
            result = result.and(within(LIFECYCLE, named.backend.reset()).await);
        }
        let error = result.as_ref().err().map(|error| chain(error));
        audit::event(
            |by, why| tracing::info!(target: "throttle", error, by, why, "usage of all backends was reset"),
        );
        result
    }
}
