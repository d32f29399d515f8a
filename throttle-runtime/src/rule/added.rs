//! Rules that a throttle is given while the program runs.

use std::iter;

use once_cell::sync::OnceCell;

use super::Rules;

/// Rules that were added while the program runs, as a list that only grows: it is read without a lock, and where
/// nothing was added that is one look at one word. It is freed with its throttle.
#[derive(Default)]
pub(crate) struct Added(OnceCell<Box<Link>>);

struct Link {
    rules: Rules,
    next: Added,
}

impl Added {
    /// How often rules may be added, as each request looks at all of them.
    pub(crate) const MOST: usize = 1_000;

    /// Adds rules, unless the same are there. Whether they are there afterwards: not if the list is full.
    pub(crate) fn add(&self, rules: Rules) -> bool {
        let (mut link, mut end) = (Box::new(Link { rules, next: Self::default() }), self);
        for _ in 0..Self::MOST {
            match end.0.try_insert(link) {
                Ok(_) => return true,
                Err((there, back)) if there.rules.same(&back.rules) => return true,
                Err((there, back)) => (end, link) = (&there.next, back),
            }
        }
        false
    }

    /// Those that are there now: what is added meanwhile is not among them, however often they are gone through.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rules> + Clone + Send {
        let links = iter::successors(self.0.get(), |link| link.next.0.get());
        links.clone().take(links.count()).map(|link| &link.rules)
    }
}
