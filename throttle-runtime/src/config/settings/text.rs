//! Settings as text, for listings and for what an update changes.

use std::time::Duration;

use crate::config::network::Networks;
use crate::config::resolver::{ChargePredicate, Resolver, Role};
use crate::config::settings::Settings;
use crate::http::Headers;
use crate::strategy::Strategy;
use crate::util::shared::Shared;

/// The text of a setting in a listing.
pub(super) trait Text {
    fn text(&self) -> String;
}

impl<R: Role> Text for Shared<dyn Resolver<R>> {
    fn text(&self) -> String {
        self.describe()
    }
}

impl Text for Shared<dyn ChargePredicate> {
    fn text(&self) -> String {
        self.describe().to_owned()
    }
}

impl<R: Role> Text for Shared<[Shared<dyn Resolver<R>>]> {
    fn text(&self) -> String {
        self.iter().map(|rule| rule.describe()).collect::<Vec<_>>().join(", ")
    }
}

macro_rules! debug_text {
    ($($type:ty),*) => { $(
        impl Text for $type {
            fn text(&self) -> String {
                format!("{self:?}")
            }
        }
    )* };
}

debug_text!(Shared<dyn Strategy>, Headers, Networks, bool, u32, Duration);

impl Text for Shared<str> {
    fn text(&self) -> String {
        (**self).to_owned()
    }
}

impl Settings {
    /// Returns the differences as text: `rate: 100/min -> 7/min, cost: 1 -> 7`.
    pub(crate) fn changes(&self, after: &Self) -> String {
        let (before, after) = (self.describe(), after.describe());
        let gone = before.iter().filter(|(name, _)| text(&after, name).is_none());
        let changes =
            after.iter().chain(gone).map(|(name, _)| (name, text(&before, name), text(&after, name)));
        let changes = changes.filter(|(_, before, after)| before != after).map(|(name, before, after)| {
            format!("{name}: {} -> {}", before.unwrap_or("none"), after.unwrap_or("none"))
        });
        changes.collect::<Vec<_>>().join(", ")
    }
}

fn text<'s>(texts: &'s [(&'static str, String)], name: &str) -> Option<&'s str> {
    texts.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str())
}

#[cfg(test)]
mod tests {
    use crate::config::settings::Settings;

    #[test]
    fn what_is_said_anew_differently_or_no_more_is_a_change() {
        let before = Settings::new().rate("100/min").cost(1_u32).class("a");
        let after = Settings::new().rate("7/min").cost(1_u32).dry_run(true);
        assert_eq!(
            before.changes(&after),
            "rate: 100/min -> 7/min, dry_run: none -> true, class: \"a\" -> none"
        );
        assert_eq!(before.changes(&before), "");
    }
}
