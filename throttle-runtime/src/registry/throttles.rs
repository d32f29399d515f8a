//! The throttles of a registry: created by the program, or made from attributes at their first use.

use std::panic::Location;
use std::sync::Arc;

use super::{Registry, check};
use crate::config::declaration::Declaration;
use crate::config::settings::Settings;
use crate::error::ConfigError;
use crate::registry::site::Site;
use crate::throttle::Throttle;
use crate::util::{audit, sync};

/// The maximum number of throttles in a registry, for [`Registry::create`]. Each takes a few kilobytes.
const MOST: usize = 10_000;

impl Registry {
    /// Creates a throttle that is called from code. It stays in the registry until it is
    /// [removed](Self::remove).
    ///
    /// Create one throttle per limit, not one per client, and pass values that differ per use in the
    /// [`Hit`](crate::Hit). A registry has at most 10,000 throttles, including those of attributes. Beyond
    /// that, only `create` is rejected.
    ///
    /// ```
    /// use throttle::{Settings, registry};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let registry = registry().build().await?;
    /// let exports = registry.create("exports", Settings::new().rate("2/hour"))?;
    /// assert!(exports.hit("alice").await?.is_allowed());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error, and creates nothing, in these cases:
    ///
    /// - The uid is blank or taken, also by an attribute.
    /// - The settings are invalid.
    /// - The registry has 10,000 throttles already.
    #[track_caller]
    pub fn create(&self, uid: &str, settings: Settings) -> Result<Throttle, ConfigError> {
        if uid.trim().is_empty() {
            return Err(ConfigError::one("a throttle needs a uid that is not blank"));
        }
        if let Some(site) = crate::registry::linked_sites::sites().into_iter().find(|site| site.uid() == uid)
        {
            return Err(ConfigError::one(format!(
                "the uid `{uid}` belongs to an attribute at {}: choose another",
                site.place()
            )));
        }
        let mut declaration = Declaration::here(uid, settings, Location::caller());
        let policy = self.0.environment.settle(&declaration, Settings::NONE).map_err(ConfigError::new)?;
        let mut throttles = sync::write(&self.0.throttles);
        if throttles.contains_key(uid) {
            return Err(ConfigError::one(format!("the uid `{uid}` is taken: choose another")));
        }
        if throttles.len() >= MOST {
            return Err(ConfigError::one(format!(
                "`{uid}` would be one more than {MOST} throttles: create one per limit instead of one per client, and \
                 remove those that are no longer used with `Registry::remove`"
            )));
        }
        declaration.name = self.0.names.claim(&declaration.uid, uid, uid);
        let policy = policy.named(&declaration.name);
        check::warn_of_timeouts(uid, &policy);
        let throttle =
            Throttle::new(Arc::clone(&declaration.uid), declaration, policy, Arc::clone(&self.0.environment));
        throttles.insert(Arc::from(uid), throttle.clone());
        Ok(throttle)
    }

    /// Removes a throttle that was made with [`create`](Self::create), and returns whether there was one. The
    /// uid is free afterwards. Handles to the throttle keep working, and its memory is freed with the last
    /// handle.
    ///
    /// The usage of clients stays in the backend until it expires. A new throttle with the same uid, strategy
    /// and periods continues with that usage. Throttles of attributes and layers cannot be removed, but they
    /// can be [disabled](Self::disable).
    ///
    /// ```
    /// use throttle::{Settings, registry};
    ///
    /// # async fn example() -> Result<(), throttle::ConfigError> {
    /// let registry = registry().build().await?;
    /// registry.create("import", Settings::new().rate("10/s"))?;
    /// assert!(registry.remove("import"));
    /// assert!(!registry.remove("import"));
    /// registry.create("import", Settings::new().rate("20/s"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove(&self, uid: &str) -> bool {
        let mut throttles = sync::write(&self.0.throttles);
        let is_created = throttles.get(uid).is_some_and(Throttle::is_created);
        let removed = if is_created { throttles.remove(uid) } else { None };
        if let Some(removed) = &removed {
            self.0.names.release(&removed.policy().name);
        }
        // The throttle is dropped after the lock is released.
        drop(throttles);
        if removed.is_some() {
            audit::event(|by, why| tracing::info!(target: "throttle", uid, by, why, "removed"));
        }
        removed.is_some()
    }

    /// Returns the throttle with this uid, if there is one: a throttle of an attribute, of a layer that was
    /// used, or one made with [`create`](Self::create).
    pub fn get(&self, uid: &str) -> Option<Throttle> {
        // The throttle of an attribute that was not used yet is not in the registry, so it is made here.
        let linked = || crate::registry::linked_sites::sites().into_iter().find(|site| site.uid() == uid);
        self.known(uid).or_else(|| self.resolve(linked()?).ok())
    }

    fn known(&self, uid: &str) -> Option<Throttle> {
        sync::read(&self.0.throttles).get(uid).cloned()
    }

    /// Returns the throttles that were made or used so far, in the order of their uids.
    pub fn throttles(&self) -> Vec<Throttle> {
        sync::read(&self.0.throttles).values().cloned().collect()
    }

    /// Returns the throttle of a site. The throttle is made at its first use.
    ///
    /// Two sites may share a uid that was chosen, if their settings are equal. Function paths that are equal
    /// by accident are distinguished by their lines, or else by the numbers of their functions.
    pub(crate) fn resolve(&self, site: &Site) -> Result<Throttle, ConfigError> {
        if let Some(known) = self.known(site.uid()).filter(|known| site.owns(known)) {
            return Ok(known);
        }
        let by_line = format!("{}:{}", site.uid(), site.location().line());
        let by_function = format!("{by_line}:{:x}", site.declaration());
        let mut told_apart = [&by_line, &by_function].into_iter().filter_map(|uid| self.known(uid));
        if let Some(known) = told_apart.find(|known| site.owns(known)) {
            return Ok(known);
        }
        let at = |problem: String| format!("{}: {problem}", site.place());
        let declaration = Declaration::by(site);
        let environment = &self.0.environment;
        let policy = environment
            .settle(&declaration, Settings::NONE)
            .map_err(|problems| ConfigError::new(problems.into_iter().map(at).collect()))?;
        let mut throttles = sync::write(&self.0.throttles);
        let free = |uid: &&str| throttles.get(*uid).is_none_or(|known| site.owns(known));
        let uids = [site.uid(), &by_line, &by_function];
        let uids = if site.is_named() { &uids[..1] } else { &uids[..] };
        let Some(uid) = uids.iter().copied().find(free).map(Arc::<str>::from) else {
            let taken = format!(
                "the uid `{}` is taken by a throttle with other settings: choose another",
                site.uid()
            );
            return Err(ConfigError::one(at(taken)));
        };
        let make = || {
            let name = self.0.names.claim(&uid, &declaration.name, site.uid());
            let (policy, mut declaration) = (policy.named(&name), declaration);
            declaration.name = name;
            Throttle::new(Arc::clone(&uid), declaration, policy, Arc::clone(environment))
        };
        Ok(throttles.entry(Arc::clone(&uid)).or_insert_with(make).clone())
    }
}
