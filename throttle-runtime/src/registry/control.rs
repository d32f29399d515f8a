//! Changes of throttles that are in use, and their effective settings.

use super::Registry;
use crate::config::effective::Listing;
use crate::config::rule::{Added, Rules};
use crate::config::settings::Settings;
use crate::error::ConfigError;
use crate::throttle::Throttle;
use crate::util::audit;

impl Registry {
    /// Switches one throttle off: its requests pass, consume no quota, and are counted as
    /// [skipped](crate::Counts::skipped). Returns `false` if there is no throttle with this uid.
    ///
    /// ```
    /// use throttle::{Settings, registry};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let registry = registry().build().await?;
    /// let exports = registry.create("exports", Settings::new().rate("1/hour"))?;
    /// assert!(exports.hit("alice").await?.is_allowed());
    /// registry.disable("exports");
    /// assert!(exports.hit("alice").await?.is_allowed());
    /// registry.enable("exports");
    /// assert!(exports.hit("alice").await?.is_throttled());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The change is logged as one event, like all changes of a registry. [`Audit`](crate::Audit) adds the
    /// author and the reason of the change to the event.
    pub fn disable(&self, uid: &str) -> bool {
        self.switch(uid, false)
    }

    /// Switches one throttle on again. The usage from before still counts. Returns `false` if there is no
    /// throttle with this uid.
    pub fn enable(&self, uid: &str) -> bool {
        self.switch(uid, true)
    }

    /// Switches all throttles off immediately, even those that are enabled individually.
    pub fn disable_all(&self) {
        self.0.environment.switches.set_off(true);
        audit::event(|by, why| tracing::info!(target: "throttle", by, why, "all throttles are disabled"));
    }

    /// Ends [`disable_all`](Self::disable_all). Throttles that are disabled individually stay disabled.
    pub fn enable_all(&self) {
        self.0.environment.switches.set_off(false);
        audit::event(
            |by, why| tracing::info!(target: "throttle", by, why, "all throttles are enabled again"),
        );
    }

    fn switch(&self, uid: &str, on: bool) -> bool {
        let Some(throttle) = self.get(uid) else { return false };
        throttle.switch(on);
        audit::event(|by, why| {
            if on {
                tracing::info!(target: "throttle", uid, by, why, "enabled");
            } else {
                tracing::info!(target: "throttle", uid, by, why, "disabled");
            }
        });
        true
    }

    /// Adds rules to a throttle: one of an attribute, of a layer, or one made with [`create`](Self::create).
    ///
    /// The rules apply from the next request on, together with the throttle's own rules. A request is
    /// excluded if a `bypass` of either matches it, and it is included if an `only` of either matches it.
    /// Calls that are not requests ignore rules.
    ///
    /// ```
    /// use throttle::rule::Rules;
    /// use throttle::{Rule, Settings, registry};
    ///
    /// # async fn example() -> Result<(), throttle::ConfigError> {
    /// let registry = registry().build().await?;
    /// registry.create("api", Settings::new().rate("100/min"))?;
    /// registry.add_rules("api", Rules::new().bypass(Rule::path("/api/health")))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if there is no throttle with this uid, or if rules were added to it 1,000 times.
    /// Adding the same rules again does not count. The throttle of a layer exists from its first request on,
    /// or from the layer's `check`.
    pub fn add_rules(&self, uid: &str, rules: Rules) -> Result<(), ConfigError> {
        let unknown = || ConfigError::one(format!("the rules are for `{uid}`, but no throttle has that uid"));
        let added = format!("{rules:?}");
        if self.get(uid).ok_or_else(unknown)?.add_rules(rules) {
            audit::event(
                |by, why| tracing::info!(target: "throttle", uid, rules = added, by, why, "rules were added"),
            );
            return Ok(());
        }
        Err(ConfigError::one(format!(
            "rules were added to `{uid}` {} times, which is the maximum: each request checks all of them",
            Added::MOST
        )))
    }

    /// Switches dry-run mode on or off for all throttles. In dry-run mode, throttles decide and count but
    /// deny no request, as if each of them had the setting [`dry_run`](Settings::dry_run).
    /// [`Counts::would_deny`](crate::Counts::would_deny) counts the requests that would have been denied.
    ///
    /// After `set_dry_run(false)`, throttles with their own `dry_run` setting stay in dry-run mode.
    ///
    /// ```
    /// use throttle::{Settings, registry};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let registry = registry().build().await?;
    /// let exports = registry.create("exports", Settings::new().rate("1/hour"))?;
    /// registry.set_dry_run(true);
    /// for _ in 0..3 {
    ///     assert!(exports.hit("alice").await?.is_allowed());
    /// }
    /// assert_eq!((exports.counts().allowed, exports.counts().would_deny), (1, 2));
    /// registry.set_dry_run(false);
    /// assert!(exports.hit("alice").await?.is_throttled());
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_dry_run(&self, on: bool) {
        self.0.environment.switches.set_dry(on);
        audit::event(
            |by, why| tracing::info!(target: "throttle", dry_run = on, by, why, "dry-run mode of all throttles"),
        );
    }

    /// Changes the settings of a throttle while the program runs: one of an attribute, of a layer, or one
    /// made with [`create`](Self::create). See [`Throttle::update`].
    ///
    /// ```
    /// use throttle::{Registry, Settings, throttle};
    ///
    /// #[throttle(uid = "api:search", rate = "100/min")]
    /// async fn search() {}
    ///
    /// # async fn example() -> Result<(), throttle::ConfigError> {
    /// Registry::current().update("api:search", Settings::new().rate("20/min"))?;
    /// # Ok(())
    /// # }
    /// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(search));
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Throttle::update`], or an error if there is no throttle with this uid. The
    /// throttle of a layer exists from its first request on, or from the layer's `check`.
    pub fn update(&self, uid: &str, settings: Settings) -> Result<(), ConfigError> {
        let unknown = || ConfigError::one(format!("an update names `{uid}`, but no throttle has that uid"));
        self.get(uid).ok_or_else(unknown)?.update(settings)
    }

    /// Returns the effective settings of each throttle, with the origin of each setting, in the order of the
    /// uids. Attributes that were not used yet are included, unless they are misconfigured in this registry.
    /// A misconfigured attribute limits nothing, and answers requests with an error.
    ///
    /// ```
    /// for listing in throttle::Registry::current().effective() {
    ///     println!("{listing}");
    /// }
    /// ```
    pub fn effective(&self) -> Vec<Listing> {
        for site in crate::registry::linked_sites::sites() {
            // The problem is answered to requests, or it was reported at startup.
            let _ = self.resolve(site);
        }
        self.throttles().iter().map(Throttle::effective).collect()
    }
}
