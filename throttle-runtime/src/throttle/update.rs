//! Updates of a throttle that is in use.

use std::sync::Arc;

use super::Throttle;
use crate::config::policy::Policy;
use crate::config::settings::Settings;
use crate::error::ConfigError;
use crate::util::audit;

impl Throttle {
    /// Changes the settings from the next decision on, for all users of this throttle. These settings take
    /// precedence over all other places. Settings that are not set here stay as they are, including those of
    /// earlier updates. Each decision uses one version as a whole: its limits, its cost and the headers of
    /// its response never come from two versions.
    ///
    /// After a change of the limit, the usage from before still counts. Another period, strategy or backend
    /// starts with no usage. The guide describes this for each strategy, on its page about the registry.
    ///
    /// One event at level INFO reports the changes. An update takes constant time. The replaced version is
    /// freed when no decision uses it any longer, so a program may update a throttle as often as it likes.
    ///
    /// ```
    /// use throttle::{Registry, Settings};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let exports = Registry::current().create("exports", Settings::new().rate("10/hour").cost(2_u32))?;
    /// exports.hit("alice").await?;
    /// exports.update(Settings::new().rate("100/hour"))?;
    /// assert_eq!(exports.hit("alice").await?.remaining(), Some(96));
    /// assert!(exports.update(Settings::new().rate("1/hour")).is_err(), "the cost of 2 never fits");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error for everything that is rejected at startup: a value that does not parse, a backend
    /// that is not declared, or a cost that never fits. In case of an error, nothing has changed.
    pub fn update(&self, settings: Settings) -> Result<(), ConfigError> {
        let inner = &*self.0;
        let settle = |updates, known: &[&Arc<Policy>]| {
            let policy = inner.environment.settle(&inner.declaration, updates).map_err(ConfigError::new)?;
            Ok(policy.in_scope(&inner.scope, known.iter().copied()))
        };
        let (before, after) = inner.history.update(settings, settle)?;
        let (uid, changes) = (self.uid(), before.settings.changes(&after.settings));
        audit::event(|by, why| tracing::info!(target: "throttle", uid, changes, by, why, "updated"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::backend::Memory;
    use crate::config::policy::Policy;
    use crate::config::settings::Settings;
    use crate::rate::Rate;
    use crate::registry::registry;
    use crate::resilience::{CircuitBreaker, failover, fallback};
    use crate::strategy::{Gcra, TokenBucket};
    use crate::throttle::Throttle;

    const BREAKER: CircuitBreaker = CircuitBreaker::new().named("main");

    async fn throttle() -> Throttle {
        let registry = registry().backend("main", Memory::new()).build().await.expect("a registry");
        let settings = Settings::new().rate("10/min").backend("main").on_error(failover("memory", BREAKER));
        registry.create("t", settings).expect("a throttle")
    }

    /// Updates the throttle, and returns the policy that is active afterwards.
    fn updated(throttle: &Throttle, settings: Settings) -> Arc<Policy> {
        throttle.update(settings).expect("it works");
        throttle.policy().into_owned()
    }

    fn versions(throttle: &Throttle) -> usize {
        throttle.0.history.kept()
    }

    #[tokio::test]
    async fn settings_that_held_before_are_the_same_version_again() {
        async fn rate() -> Rate {
            Rate::per_minute(5)
        }
        let throttle = throttle().await;
        let strategies =
            [Settings::new().strategy(Gcra::new().burst(3)), Settings::new().strategy(Gcra::new())];
        let change = |number: u64| {
            // Texts, numbers and functions are compared by value or identity. Other values are compared by
            // address.
            let settings = if number.is_multiple_of(2) {
                Settings::new().rate("7/min")
            } else {
                Settings::new().rate(rate)
            };
            let settings =
                settings.cost(number % 2 + 1).or(strategies[usize::from(number.is_multiple_of(2))].clone());
            updated(&throttle, settings)
        };
        let (even, odd) = (change(0), change(1));
        for number in 2..20_u64 {
            let expected = if number.is_multiple_of(2) { &even } else { &odd };
            assert!(Arc::ptr_eq(&change(number), expected));
        }
        assert_eq!(versions(&throttle), 3);
        let nothing = updated(&throttle, Settings::new());
        assert!(Arc::ptr_eq(&nothing, &odd));
    }

    #[tokio::test]
    async fn closures_that_look_the_same_are_other_versions() {
        let throttle = throttle().await;
        for minute in 1..4 {
            throttle
                .update(Settings::new().rate(move || async move { Rate::per_minute(minute) }))
                .expect("it works");
            assert_eq!(throttle.quotas("a").await.expect("a decision").remaining(), Some(minute));
        }
        assert_eq!(versions(&throttle), 4);
    }

    #[tokio::test]
    async fn the_same_way_to_fall_back_keeps_breaker_and_debts() {
        let throttle = throttle().await;
        let first = throttle.policy().into_owned();
        let reconciler = |policy: &Policy| policy.reconciler.clone().expect("there is one");
        let breaker = throttle.breaker().expect("there is one");
        let keeps = [
            Settings::new().rate("20/min").cost(2_u32).dry_run(true),
            Settings::new().on_error(failover("memory", BREAKER).retries(7)),
        ];
        for settings in keeps {
            let policy = updated(&throttle, settings.clone());
            assert!(Arc::ptr_eq(&reconciler(&policy), &reconciler(&first)), "{settings:?}");
            assert!(throttle.breaker().is_some_and(|now| now.ptr_eq(&breaker)), "{settings:?}");
        }
        let others = [
            Settings::new().on_error(fallback("memory").share(1, 2)),
            Settings::new().strategy(TokenBucket::new().burst(5)),
        ];
        for settings in others {
            assert!(
                !Arc::ptr_eq(&reconciler(&updated(&throttle, settings.clone())), &reconciler(&first)),
                "{settings:?}"
            );
        }
        assert!(throttle.breaker().is_none(), "a fallback has none");
    }
}
