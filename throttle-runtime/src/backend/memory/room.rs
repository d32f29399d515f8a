//! Room for states: the expired go first, then others are evicted.

use std::cmp::Reverse;
use std::sync::atomic::Ordering::Relaxed;

use super::evicted::Inner;
use super::page::{Entry, Locked, PLACES, Page};
use super::table::{Moved, SPILLED, Table, class_of};

/// In so many other pages a decision looks for lists, where lists take too much memory.
const LOOKS: usize = 8;

impl Table {
    /// Sees that a page has places for so many newcomers, and the table too. What `keeps` names stays.
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
            // A page without others is one of a tiny table: somebody else there makes room.
            if !self.evict(page, now, keeps) {
                let mut others = self.directory.pages().filter_map(Page::try_lock);
                others.any(|other| self.evict(&other, now, keeps));
            }
        }
        Ok(())
    }

    /// Evicts states with lists while the states take more bytes than they may: first those in other pages, and then
    /// those in the pages of this decision, also its own.
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

    /// Whether the states may take so many bytes more.
    fn has_bytes(&self, more: usize) -> bool {
        self.directory.bytes() + self.spilled.bytes() + more <= self.max_bytes()
    }

    /// Evicts the state of the page that has used least of its limit. Returns `false` if the page has no other state.
    fn evict(&self, page: &Locked<'_>, now: u64, keeps: &dyn Fn(u64) -> bool) -> bool {
        self.evict_first(page, now, |classes, entry| {
            let weight = || self.look(entry, |state| classes.weight(class_of(entry), state, now));
            (!keeps(entry.id)).then(weight)
        })
    }

    /// Evicts the state of the page that has the longest list, to a power of two, and of these the one that has used
    /// least of its limit. Returns `false` if no state of the page has a list.
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

    /// Evicts the state of the page with the least key, of those that have one.
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
