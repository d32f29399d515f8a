//! Finds the mistakes in the values of settings. Alone because only the start of a throttle looks for them.

use crate::config::resolver::{Resolver, Role};
use crate::config::settings::Settings;
use crate::error::ConfigError;
use crate::util::shared::Shared;

impl Settings {
    /// Returns what is wrong with the values of these settings.
    pub(crate) fn problems(&self) -> Vec<String> {
        fn wrong<R: Role>(setting: Option<&Shared<dyn Resolver<R>>>) -> Option<ConfigError> {
            setting.and_then(|setting| setting.value()).and_then(Result::err)
        }
        let wrong = [
            wrong(self.rate.as_ref()),
            wrong(self.cost.as_ref()),
            wrong(self.class.as_ref()),
            wrong(self.on_error.as_ref()),
        ];
        let wrong = wrong.into_iter().flatten().flat_map(|error| error.problems().to_vec());
        let nobody = self
            .max_concurrent
            .filter(|limit| *limit == 0)
            .map(|_| "`max_concurrent` is 0, which rejects every request");
        let short = self
            .permit_ttl
            .filter(|ttl| ttl.as_millis() == 0)
            .map(|_| "`permit_ttl` is at least a millisecond");
        let places = nobody.into_iter().chain(short).map(ToOwned::to_owned);
        wrong.chain(self.strategy.as_ref().and_then(|strategy| strategy.problem())).chain(places).collect()
    }
}
