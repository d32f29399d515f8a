//! Finds the page of a fingerprint, in a table that grows page by page (R. Fagin, J. Nievergelt, N.
//! Pippenger, H. R. Strong: Extendible hashing, 1979).
//!
//! A full page is split in two by the next bit of its fingerprints. All other pages stay as they are, so no
//! decision waits until a table is copied. Pages stay at their address until the backend is dropped, so
//! readers need no lock.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard};

use super::index::Index;
use super::page::{Locked, PLACES, Page};
use crate::util::sync;

#[derive(Debug)]
pub(super) struct Directory {
    /// The page for each value of the leading bits.
    index: Index,
    /// How many bits a fingerprint is shifted right to get its position in the index.
    shift: u32,
    /// The number of pages in use. The lock is held while a page is split.
    pages: Mutex<usize>,
    /// Bytes that are allocated.
    bytes: AtomicUsize,
    /// The number of calls of [`next`](Self::next).
    turns: AtomicUsize,
}

/// The maximum number of leading bits in the index: enough pages for more than six thousand million states.
const DEEPEST: u32 = 28;

/// The number of leading bits that select a page from the beginning, so that threads seldom compete for a
/// page.
const BEGINNING: u32 = 6;

impl Directory {
    /// Creates a directory that can grow to hold `states` states.
    pub(super) fn new(states: usize) -> Self {
        // At this depth a page is at most half full, whatever its neighbours contain.
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

    /// Returns the page of a fingerprint at the time of the lookup. The page may have been split since.
    #[inline]
    pub(super) fn page(&self, id: u64) -> &Page {
        self.index.get(self.slot(id))
    }

    /// Returns all pages in use, including pages that are added during the iteration: half of a page that is
    /// not visited yet may have moved to a new page.
    pub(super) fn pages(&self) -> impl Iterator<Item = &Page> + '_ {
        (0..).take_while(|number| *number < *self.in_use()).map(|number| self.index.page(number))
    }

    /// Returns the pages one after the other, one per call.
    pub(super) fn next(&self) -> &Page {
        let pages = *self.in_use();
        self.index.page(self.turns.fetch_add(1, Relaxed) % pages)
    }

    /// Returns the number of pages in use.
    fn in_use(&self) -> MutexGuard<'_, usize> {
        sync::lock(&self.pages)
    }

    /// Moves half of a page to a new page. Returns `false` if the table has its maximum size.
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

    /// Bytes that the next page takes: 0 if it is already allocated.
    pub(super) fn growth(&self) -> usize {
        self.index.growth(*self.in_use())
    }

    /// Returns how many leading bits the index uses.
    const fn depth(&self) -> u32 {
        64 - self.shift
    }

    #[expect(clippy::cast_possible_truncation, reason = "the index goes by 28 bits or less")]
    #[inline]
    const fn slot(&self, id: u64) -> usize {
        (id >> self.shift) as usize
    }
}
