//! The effective settings of a throttle.

use std::iter;
use std::sync::Arc;

use super::Throttle;
use crate::config::effective::{Listing, Origin, Setting};
use crate::config::policy::Policy;
use crate::config::settings::Settings;

impl Throttle {
    /// Returns the effective settings of this throttle, with the origin of each; see
    /// [`effective`](crate::config::effective).
    pub fn effective(&self) -> Listing {
        let mut settings = self.settled(&self.policy());
        let added = self.0.added.iter().map(|rules| Settings {
            only: (!rules.only.is_empty()).then(|| rules.only.clone()),
            bypass: (!rules.bypass.is_empty()).then(|| rules.bypass.clone()),
            ..Settings::NONE
        });
        let added = added.flat_map(|added| added.describe());
        settings.extend(added.map(|setting| Setting::new(setting, Origin::RunTime)));
        Listing::new(Arc::clone(&self.0.uid), settings)
    }

    /// Returns the effective settings, each with the first place that sets it.
    fn settled(&self, policy: &Policy) -> Vec<Setting> {
        let environment = self.environment();
        let dry = Settings { dry_run: environment.switches.is_dry().then_some(true), ..Settings::NONE };
        // The backend of a policy exists, so this cannot fail.
        let places = environment
            .places(&self.0.declaration, &policy.updates)
            .into_iter()
            .flat_map(|(_, places)| places);
        let places = iter::once((Origin::RunTime, dry.clone())).chain(places);
        let places: Vec<_> = places.map(|(origin, setting)| (origin, setting.describe())).collect();
        let origin = |name| {
            let mut say =
                places.iter().filter(|(_, setting)| setting.iter().any(|(known, _)| *known == name));
            say.next().map_or(Origin::BuiltIn, |(origin, _)| origin.clone())
        };
        let settled = dry.or(policy.settings.clone()).describe().into_iter();
        settled.map(|setting| Setting::new((setting.0, setting.1), origin(setting.0))).collect()
    }
}
