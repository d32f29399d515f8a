//! Makes space for new states: expired states are removed first, then other states are evicted.
//!
//! Among the states of a page, the one that has used the smallest share of its limit is evicted. Shares are
//! rounded to powers of two; of equal shares, the state that ends first is evicted. If the states take too many
//! bytes, lists are evicted, because only lists grow without a new state.

use std::cmp::Reverse;
use std::sync::atomic::Ordering::Relaxed;

use super::evicted::Inner;
use super::page::{Entry, Locked, PLACES, Page};
use super::table::{Moved, SPILLED, Table, class_of};

/// In how many other pages a decision searches for lists, when lists take too much memory.
const LOOKS: usize = 8;

impl Table {
    /// Ensures that the page and the table have space for `newcomers` more states. Identities for which
    /// `keeps` returns `true` are not removed.
    pub(super) fn make_room(
        &self,
        page: &Locked<'_>,
        newcomers: usize,
        now: u64,
        keeps: &dyn Fn(u64) -> bool,
    ) -> Result<(), Moved> {
        let lacking = || {
            let places = (page.entries().count() + newcomers).saturating_sub(PLACES);
            (places, (self.len() + newcomers).saturating_sub(self.max()))
        };
        if lacking() == (0, 0) {
            return Ok(());
        }
        self.drain(page, |entry| self.until(entry) <= now && !keeps(entry.id));
        let (places, in_table) = lacking();
        let may_split = || self.has_bytes(self.directory.growth());
        if places > 0 && in_table == 0 && may_split() && self.directory.split(page) {
            return Err(Moved);
        }
        for _ in 0..places.max(in_table) {
            // Only a page of a tiny table can have no other state to evict. In that case, a state of another
            // page is evicted.
            if !self.evict(page, now, keeps) {
                let mut others = self.directory.pages().filter_map(Page::try_lock);
                others.any(|other| self.evict(&other, now, keeps));
            }
        }
        Ok(())
    }

    /// Evicts states with lists while the states take more bytes than allowed. States in other pages are
    /// evicted first, then states in the pages of this decision, which may include the decision's own states.
    #[inline]
    pub(super) fn shed(&self, pages: &[Locked<'_>], now: u64) {
        if !self.has_bytes(0) {
            self.shed_lists(pages, now);
        }
    }

    #[cold]
    fn shed_lists(&self, pages: &[Locked<'_>], now: u64) {
        for _ in 0..LOOKS {
            if let Some(other) = self.directory.next().try_lock() {
                self.drain(&other, |entry| is_spilled(entry) && self.until(entry) <= now);
                self.evict_list(&other, now);
            }
            if self.has_bytes(0) {
                return;
            }
        }
        for page in pages {
            while !self.has_bytes(0) && self.evict_list(page, now) {}
        }
    }

    /// Returns whether the states may take `more` additional bytes.
    fn has_bytes(&self, more: usize) -> bool {
        self.directory.bytes() + self.spilled.bytes() + more <= self.max_bytes()
    }

    /// Evicts the state of the page that has used the smallest share of its limit. Returns `false` if the
    /// page has no state to evict.
    fn evict(&self, page: &Locked<'_>, now: u64, keeps: &dyn Fn(u64) -> bool) -> bool {
        self.evict_first(page, now, |classes, entry| {
            let weight = || self.look(entry, |state| classes.weight(class_of(entry), state, now));
            (!keeps(entry.id)).then(weight)
        })
    }

    /// Evicts the state of the page that has the longest list, to a power of two. Among lists of equal
    /// length, the state that has used the smallest share of its limit is evicted. Returns `false` if no
    /// state of the page has a list.
    fn evict_list(&self, page: &Locked<'_>, now: u64) -> bool {
        self.evict_first(page, now, |classes, entry| {
            let weight = || {
                self.look(entry, |state| {
                    let weight = classes.weight(class_of(entry), state, now);
                    (Reverse(state.list().len().checked_ilog2()), weight)
                })
            };
            is_spilled(entry).then(weight)
        })
    }

    /// Evicts the state of the page with the least key. States for which `key` returns `None` are not
    /// evicted.
    fn evict_first<K: Ord>(
        &self,
        page: &Locked<'_>,
        now: u64,
        key: impl Fn(&Inner, Entry) -> Option<K>,
    ) -> bool {
        let first = self.evicted.evict(now, |classes| {
            let keys = page.entries().filter_map(|entry| Some((key(classes, entry)?, entry)));
            let (_, first) = keys.min_by(|(key, _), (other, _)| key.cmp(other))?;
            Some((class_of(first), first.id, self.state(first), first.id))
        });
        let Some(first) = first else { return false };
        self.drain(page, |entry| entry.id == first);
        self.evictions.fetch_add(1, Relaxed);
        true
    }
}

const fn is_spilled(entry: Entry) -> bool {
    entry.head & SPILLED != 0
}
