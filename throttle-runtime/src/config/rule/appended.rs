//! Rules that are added to a throttle while the program runs.

use std::iter;

use once_cell::sync::OnceCell;

use super::Rules;

/// The added rules, as a list that only grows. Reading it takes no lock, and if nothing was added, it reads
/// one word. The list is freed with its throttle.
#[derive(Default)]
pub(crate) struct Added(OnceCell<Box<Link>>);

struct Link {
    rules: Rules,
    next: Added,
}

impl Added {
    /// How often rules may be added. There is a limit because each request reads the whole list.
    pub(crate) const MOST: usize = 1_000;

    /// Adds rules, unless the same rules are in the list. Returns `false` if the list is full.
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

    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }

    /// Returns the rules that are in the list now. A clone of the iterator does not see rules that are added
    /// later.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rules> + Clone + Send {
        let links = iter::successors(self.0.get(), |link| link.next.0.get());
        links.clone().take(links.count()).map(|link| &link.rules)
    }
}
