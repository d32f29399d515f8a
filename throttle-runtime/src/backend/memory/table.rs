//! The table: a bounded number of states by fingerprint.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use super::bounds::Bounds;
use super::directory::Directory;
use super::evicted::Evicted;
use super::overflow::Spilled;
use super::page::{Entry, Locked, Page};
use crate::strategy::State;

/// Identifies one limit of one identity, by 63 bits of the fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(pub(super) u64);

impl Id {
    /// Creates the id of the first limit of an identity.
    #[inline]
    pub(super) const fn new(fingerprint: u128) -> Self {
        // The id 0 is an empty cell.
        Self((fingerprint >> 64) as u64 | 1)
    }

    /// Returns the id of another limit of the same identity. It belongs to the same page.
    pub(super) const fn of_limit(self, index: usize) -> Self {
        Self(self.0 ^ (index as u64) << 32)
    }
}

/// A bounded number of states by fingerprint. [`Memory`](super::Memory) documents which states are evicted.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) directory: Directory,
    pub(super) spilled: Spilled,
    pub(super) evicted: Evicted,
    /// Times are stored relative to this time, in 48 bits.
    base: u64,
    len: AtomicUsize,
    bounds: Bounds,
    pub(super) evictions: AtomicU64,
}

/// The page was split and has to be looked up again.
pub(super) struct Moved;

/// A bit in an entry's `head` that marks a spilled state. Above this bit is the number of the class.
pub(super) const SPILLED: u64 = 1;

/// About 2.2 years, in microseconds: how far `base` lies before the start. 48 bits reach about 8.9 years from
/// there.
const YEARS: u64 = 1 << 46;

impl Table {
    pub(super) fn new(bounds: Bounds, now: u64) -> Self {
        Self {
            directory: Directory::new(bounds.keys),
            spilled: Spilled::default(),
            evicted: Evicted::new(bounds.sketches),
            base: now.saturating_sub(YEARS),
            len: AtomicUsize::new(0),
            bounds,
            evictions: AtomicU64::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    pub(super) const fn max(&self) -> usize {
        self.bounds.keys
    }

    /// The maximum bytes of states.
    pub(super) const fn max_bytes(&self) -> usize {
        self.bounds.states
    }

    pub(super) fn evictions(&self) -> u64 {
        self.evictions.load(Relaxed)
    }

    pub(super) fn bytes(&self) -> usize {
        self.directory.bytes() + self.spilled.bytes() + self.evicted.bytes()
    }

    #[inline]
    pub(super) fn page(&self, id: Id) -> &Page {
        self.directory.page(id.0)
    }

    /// Returns the time and the word of the state in a cell, unless the state is spilled.
    #[inline]
    pub(super) const fn decode(&self, entry: Entry) -> Option<(u64, u64)> {
        if entry.head & SPILLED == 0 { Some((self.base + (entry.head >> 16), entry.word)) } else { None }
    }

    /// Encodes a state of two words for a cell. Returns `None` if its time is too far away.
    #[inline]
    pub(super) const fn encode(&self, class: Tag, until: u64, word: u64) -> Option<(u64, u64)> {
        let offset = until.wrapping_sub(self.base);
        // A time before the base wraps around to one that is too far away.
        if offset >> 48 == 0 { Some((offset << 16 | class.0, word)) } else { None }
    }

    /// Returns the state of an identity, if the identity is in the table.
    pub(super) fn get(&self, page: &Locked<'_>, id: Id, now: u64) -> Option<State> {
        let entry = page.get(id.0)?;
        Some(Some(self.state(entry)).filter(|state| state.until() > now).unwrap_or_default())
    }

    /// Adds a state of two words if it is new, and if there is an empty cell or a cell whose state has
    /// expired. Returns whether the state was added.
    pub(super) fn add(&self, page: &Locked<'_>, entry: Entry, now: u64) -> bool {
        // The identity may have been in the table, and have been evicted, before the page was locked.
        if !self.evicted.is_empty() {
            return false;
        }
        let expired = |entry: Entry| self.decode(entry).is_some_and(|(until, _)| until <= now);
        match page.place_for(entry.id, expired) {
            Some((place, false)) => page.set(place, entry),
            Some((place, true)) if self.len() < self.max() => {
                page.set(place, entry);
                self.len.fetch_add(1, Relaxed);
            }
            _ => return false,
        }
        true
    }

    /// Stores a state, after [`make_room`](Self::make_room) has made space for it. `class` is called for a
    /// new identity.
    pub(super) fn set(&self, page: &Locked<'_>, id: Id, state: State, class: impl FnOnce() -> u16) {
        let old = page.get(id.0);
        let class = Tag::new(old.map_or_else(class, class_of));
        let spilled = old.filter(|entry| entry.head & SPILLED != 0).map(|entry| entry.word);
        let place = self.encode(class, state.until(), state.word()).filter(|_| state.list().is_empty());
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
                (until << 16 | class.0 | SPILLED, number)
            }
        };
        if page.put(Entry { id: id.0, head, word }) && old.is_none() {
            self.len.fetch_add(1, Relaxed);
        }
    }

    /// Deletes all states and the usage of evicted states.
    pub(super) fn clear(&self) {
        self.directory.pages().for_each(|page| self.drain(&page.lock(), |_| true));
        self.evicted.clear();
    }

    pub(super) fn drain(&self, page: &Locked<'_>, unwanted: impl Fn(Entry) -> bool) {
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

    pub(super) fn state(&self, entry: Entry) -> State {
        self.look(entry, State::clone)
    }

    pub(super) fn until(&self, entry: Entry) -> u64 {
        self.look(entry, State::until)
    }

    /// Calls `look` with the state of an entry, and returns its result. A list is not copied.
    pub(super) fn look<T>(&self, entry: Entry, look: impl FnOnce(&State) -> T) -> T {
        match self.decode(entry) {
            Some((until, word)) => look(&State::new(until, word)),
            None => self.spilled.look(entry.word, look),
        }
    }
}

/// Returns the class of an entry.
pub(super) const fn class_of(entry: Entry) -> u16 {
    let [low, high, ..] = entry.head.to_le_bytes();
    u16::from_le_bytes([low, high]) >> 1
}

/// The number of a class, encoded for a cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag(u64);

impl Tag {
    pub(super) const fn new(class: u16) -> Self {
        Self((class as u64) << 1)
    }
}
