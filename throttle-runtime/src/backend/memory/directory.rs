//! Which page a fingerprint lives in: a table that grows page by page (R. Fagin, J. Nievergelt,
//! N. Pippenger, H. R. Strong: Extendible hashing, 1979).
//!
//! A page that is full is split in two by the next bit of its fingerprints, while all others stay as they
//! are, so no decision ever waits for a table to be copied. Pages stay where they are until the backend is
//! dropped, so readers need no lock to look at one.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::index::Index;
use super::page::{Locked, PLACES, Page};

#[derive(Debug)]
pub(super) struct Directory {
    /// The page for each value of the leading bits.
    index: Index,
    /// How far a fingerprint is shifted to be a place in the index.
    shift: u32,
    /// How many pages are in use. Held while a page is split.
    pages: Mutex<usize>,
    /// Bytes that are allocated.
    bytes: AtomicUsize,
    /// How often somebody has asked for the next page.
    turns: AtomicUsize,
}

/// The leading bits that the index can tell apart at most: pages for more than six thousand million states.
const DEEPEST: u32 = 28;

/// By so many of them pages are told apart from the beginning, so that threads seldom meet at one.
const BEGINNING: u32 = 6;

impl Directory {
    /// A directory that can grow to hold so many states.
    pub(super) fn new(states: usize) -> Self {
        // At this depth a page is half full or less, whatever its neighbours are.
        let depth = (states.div_ceil(PLACES).next_power_of_two().ilog2() + 1).min(DEEPEST);
        let index = Index::new(1 << depth);
        let (bytes, turns) = (AtomicUsize::new(index.bytes()), AtomicUsize::new(0));
        let directory = Self { shift: 64 - depth, index, pages: Mutex::new(1), bytes, turns };
        directory.split_to(depth.saturating_sub(1).min(BEGINNING));
        directory
    }

    /// Splits all pages to this depth.
    fn split_to(&self, depth: u32) {
        for pages in (0..depth).map(|depth| 1 << depth) {
            for page in self.pages().take(pages) {
                self.split(&page.lock());
            }
        }
    }

    /// The page that a fingerprint lived in when it was looked up; it may have been split since.
    #[inline]
    pub(super) fn page(&self, id: u64) -> &Page {
        self.index.get(self.slot(id))
    }

    /// All pages in use, with those that others come to while they are gone through: half of a page that is
    /// still to be looked at may have moved there.
    pub(super) fn pages(&self) -> impl Iterator<Item = &Page> + '_ {
        (0..).take_while(|number| *number < *self.in_use()).map(|number| self.index.page(number))
    }

    /// One page after the other, in turn.
    pub(super) fn next(&self) -> &Page {
        let pages = *self.in_use();
        self.index.page(self.turns.fetch_add(1, Relaxed) % pages)
    }

    /// How many pages are in use.
    fn in_use(&self) -> MutexGuard<'_, usize> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves half of a page to a new one; `false` if the table is as large as it may get.
    pub(super) fn split(&self, page: &Locked<'_>) -> bool {
        let mut pages = self.in_use();
        let depth = page.depth();
        if depth == self.depth() || *pages == self.index.len() {
            return false;
        }
        let number = *pages;
        let (half, new) = (1_u64 << (63 - depth), self.index.page(number).lock());
        let moves = |id: u64| id & half != 0;
        for entry in page.entries().filter(|entry| moves(entry.id)) {
            new.put(entry);
        }
        page.drain(|entry| moves(entry.id));
        let leading = page.prefix();
        page.set_prefix(leading, depth + 1);
        new.set_prefix(leading | half, depth + 1);
        let first = self.slot(leading | half);
        self.index.set(first..first + (self.index.len() >> (depth + 1)), number);
        *pages += 1;
        self.bytes.store(self.index.bytes(), Relaxed);
        true
    }

    /// Bytes that are allocated.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    /// Bytes that the next page takes: none if it is allocated already.
    pub(super) fn growth(&self) -> usize {
        self.index.growth(*self.in_use())
    }

    /// How many leading bits the index goes by.
    const fn depth(&self) -> u32 {
        64 - self.shift
    }

    #[expect(clippy::cast_possible_truncation, reason = "the index goes by 28 bits or less")]
    #[inline]
    const fn slot(&self, id: u64) -> usize {
        (id >> self.shift) as usize
    }
}
