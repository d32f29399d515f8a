//! Other settings for throttles that are in use, and what holds for each of them.

use super::Registry;
use crate::audit;
use crate::effective::Listing;
use crate::{ConfigError, Settings, Throttle};

impl Registry {
    /// Has all throttles decide and count, and deny nobody, until it is called with `false`: as if each of them had the
    /// setting [`dry_run`](Settings::dry_run). [`Counts::would_deny`](crate::Counts::would_deny) says what they would
    /// have denied. Those whose own setting it is run dry afterwards as before.
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
        self.0.common.switches.set_dry(on);
        audit::event(
            |by, why| tracing::info!(target: "throttle", dry_run = on, by, why, "dry-run mode of all throttles"),
        );
    }

    /// Changes what holds for a throttle while the program runs: an attribute's, one of a layer, or one made with
    /// [`create`](Self::create). See [`Throttle::update`].
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
    /// Those of [`Throttle::update`], or if there is no throttle of that uid. That of a layer is there from its first
    /// request on, or from the layer's `check`.
    pub fn update(&self, uid: &str, settings: Settings) -> Result<(), ConfigError> {
        let unknown =
            || ConfigError::one(format!("an update is meant for `{uid}`, but no throttle has that uid"));
        self.get(uid).ok_or_else(unknown)?.update(settings)
    }

    /// What holds for each throttle, and who said so, in the order of their uids. Attributes that were not used yet are
    /// listed too, unless they are misconfigured here: those limit nobody, and answer requests with an error.
    ///
    /// ```
    /// for listing in throttle::Registry::current().effective() {
    ///     println!("{listing}");
    /// }
    /// ```
    pub fn effective(&self) -> Vec<Listing> {
        for site in crate::sites() {
            // Its problem is that of the requests, or was reported at the start.
            let _ = self.resolve(site);
        }
        self.throttles().iter().map(Throttle::effective).collect()
    }
}
