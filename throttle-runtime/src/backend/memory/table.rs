//! States by fingerprint, in a bounded number of places.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use super::directory::Directory;
use super::forgotten::Forgotten;
use super::page::{Entry, Locked, PLACES, Page};
use super::spilled::Spilled;
use crate::fingerprint::Domain;
use crate::strategy::State;

/// Whose state it is: 63 bits of the fingerprint, and a short name of the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) bits: u64,
    domain: u16,
}

impl Id {
    /// The id of the first limit of an identity.
    #[inline]
    pub(super) const fn new(fingerprint: u128, domain: Domain) -> Self {
        // 0 is an empty place.
        Self { bits: (fingerprint >> 64) as u64 | 1, domain: domain.tag() & DOMAIN }
    }

    /// The id of another limit of the same identity, in the same page.
    pub(super) const fn of_limit(self, index: usize) -> Self {
        Self { bits: self.bits ^ (index as u64) << 32, ..self }
    }
}

/// States by fingerprint. At most so many are kept; which are forgotten is said at [`Memory`](super::Memory).
#[derive(Debug)]
pub(super) struct Table {
    pub(super) directory: Directory,
    pub(super) spilled: Spilled,
    pub(super) forgotten: Forgotten,
    /// Times are kept as the time since this one, in 48 bits.
    base: u64,
    len: AtomicUsize,
    max: usize,
    evictions: AtomicU64,
}

/// The page has to be looked up again.
pub(super) struct Moved;

/// Of the word that holds the time: the domain's name, and whether the state is spilled.
const DOMAIN: u16 = 0xfffe;
pub(super) const SPILLED: u64 = 1;

/// Twice as long as any process runs, and before and after it.
const YEARS: u64 = 1 << 46;

impl Table {
    pub(super) fn new(max: usize, now: u64) -> Self {
        Self {
            directory: Directory::new(max),
            spilled: Spilled::default(),
            forgotten: Forgotten::default(),
            base: now.saturating_sub(YEARS),
            len: AtomicUsize::new(0),
            max,
            evictions: AtomicU64::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    pub(super) const fn max(&self) -> usize {
        self.max
    }

    pub(super) fn evictions(&self) -> u64 {
        self.evictions.load(Relaxed)
    }

    pub(super) fn bytes(&self) -> usize {
        self.directory.bytes() + self.spilled.bytes()
    }

    #[inline]
    pub(super) fn page(&self, id: Id) -> &Page {
        self.directory.page(id.bits)
    }

    /// The two words of the state in a place, if it has no more.
    #[inline]
    pub(super) const fn decode(&self, entry: Entry) -> Option<(u64, u64)> {
        if entry.head & SPILLED == 0 { Some((self.base + (entry.head >> 16), entry.word)) } else { None }
    }

    /// How a place says a state of two words, if it can.
    #[inline]
    pub(super) const fn encode(&self, id: Id, until: u64, word: u64) -> Option<(u64, u64)> {
        let until = until.saturating_sub(self.base);
        if until >> 48 == 0 { Some((until << 16 | id.domain as u64, word)) } else { None }
    }

    /// The state of an identity, or what a newcomer begins with.
    pub(super) fn get(&self, page: &Locked<'_>, id: Id, now: u64) -> State {
        match page.get(id.bits) {
            Some(entry) => Some(self.state(entry)).filter(|state| state.until() > now).unwrap_or_default(),
            None => self.forgotten.get(id.domain, now),
        }
    }

    /// Adds a state of two words, if it is new and finds an empty place or one whose state has expired.
    pub(super) fn add(&self, page: &Locked<'_>, entry: Entry, now: u64) -> bool {
        // It may have come and been forgotten since somebody looked for it: of that the lock makes sure.
        if !self.forgotten.is_empty() {
            return false;
        }
        let expired = |entry: Entry| self.decode(entry).is_some_and(|(until, _)| until <= now);
        match page.place_for(entry.id, expired) {
            Some((place, false)) => page.set(place, entry),
            Some((place, true)) if self.len() < self.max => {
                page.set(place, entry);
                self.len.fetch_add(1, Relaxed);
            }
            _ => return false,
        }
        true
    }

    /// Stores a state, for which there is [room](Self::make_room).
    pub(super) fn set(&self, page: &Locked<'_>, id: Id, state: State) {
        let old = page.get(id.bits);
        let spilled = old.filter(|entry| entry.head & SPILLED != 0).map(|entry| entry.word);
        let place = self.encode(id, state.until(), state.word()).filter(|_| state.list().is_empty());
        let (head, word) = match (place, spilled) {
            (Some(place), spilled) => {
                spilled.map(|number| self.spilled.remove(number));
                place
            }
            (None, spilled) => {
                let until = state.until().saturating_sub(self.base).min((1 << 48) - 1);
                let number = match spilled {
                    Some(number) => {
                        self.spilled.set(number, state);
                        number
                    }
                    None => self.spilled.add(state),
                };
                (until << 16 | u64::from(id.domain) | SPILLED, number)
            }
        };
        if page.put(Entry { id: id.bits, head, word }) && old.is_none() {
            self.len.fetch_add(1, Relaxed);
        }
    }

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
            (places, (self.len() + newcomers).saturating_sub(self.max))
        };
        if lacking() == (0, 0) {
            return Ok(());
        }
        self.drain(page, |entry| self.state(entry).until() <= now && !keeps(entry.id));
        let (places, in_table) = lacking();
        if places > 0 && in_table == 0 && self.directory.split(page) {
            return Err(Moved);
        }
        for _ in 0..places.max(in_table) {
            // A page without others is one of a tiny table: somebody else there makes room.
            if !self.evict(page, keeps) {
                let mut others = self.directory.pages().filter_map(Page::try_lock);
                others.any(|other| self.evict(&other, keeps));
            }
        }
        Ok(())
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.directory.pages().for_each(|page| self.drain(&page.lock(), |_| true));
        self.forgotten.clear();
    }

    /// The least state makes room.
    fn evict(&self, page: &Locked<'_>, keeps: &dyn Fn(u64) -> bool) -> bool {
        let others = page.entries().filter(|entry| !keeps(entry.id));
        let Some(least) = others.min_by_key(|entry| (entry.head >> 16, self.state(*entry))) else {
            return false;
        };
        self.forgotten.add(domain(least), self.state(least));
        self.drain(page, |entry| entry.id == least.id);
        self.evictions.fetch_add(1, Relaxed);
        true
    }

    fn drain(&self, page: &Locked<'_>, unwanted: impl Fn(Entry) -> bool) {
        page.drain(|entry| {
            let goes = unwanted(entry);
            if goes {
                self.len.fetch_sub(1, Relaxed);
                if entry.head & SPILLED != 0 {
                    self.spilled.remove(entry.word);
                }
            }
            goes
        });
    }

    fn state(&self, entry: Entry) -> State {
        match self.decode(entry) {
            Some((until, word)) => State::new(until, word),
            None => self.spilled.get(entry.word),
        }
    }
}

/// The domain that an entry belongs to.
const fn domain(entry: Entry) -> u16 {
    let [low, high, ..] = entry.head.to_le_bytes();
    u16::from_le_bytes([low, high]) & DOMAIN
}
