//! Rules that a throttle is given while the program runs.

use std::iter;

use once_cell::sync::OnceCell;

use super::Rules;

/// Rules that were added while the program runs, as a list that only grows: it is read without a lock, and where
/// nothing was added that is one look at one word.
#[derive(Default)]
pub(crate) struct Added(OnceCell<&'static Link>);

struct Link {
    rules: Rules,
    next: Added,
}

impl Added {
    pub(crate) fn add(&self, rules: Rules) {
        // Kept for good, like all that rules are made from.
        let link: &'static Link = Box::leak(Box::new(Link { rules, next: Self::default() }));
        let mut end = self;
        while let Err((there, _)) = end.0.try_insert(link) {
            end = &there.next;
        }
    }

    /// Those that are there now: what is added meanwhile is not among them, however often they are gone through.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Rules> + Clone + Send {
        let links = iter::successors(self.0.get(), |link| link.next.0.get());
        links.clone().take(links.count()).map(|link| link.rules)
    }
}
