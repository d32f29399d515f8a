//! Which page a fingerprint lives in: a table that grows page by page (R. Fagin, J. Nievergelt,
//! N. Pippenger, H. R. Strong: Extendible hashing, 1979).
//!
//! A page that is full is split in two by the next bit of its fingerprints, while all others stay as they
//! are, so no decision ever waits for a table to be copied. Pages stay where they are until the backend is
//! dropped, so readers need no lock to look at one.

use std::iter;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::page::{Locked, PLACES, Page};

#[derive(Debug)]
pub(super) struct Directory {
    /// The number of the page for each value of the leading bits.
    index: Box<[AtomicU32]>,
    /// How far a fingerprint is shifted to be a place in the index.
    shift: u32,
    segments: Box<[OnceLock<Box<Segment>>]>,
    /// How many pages are in use. Held while a page is split.
    pages: Mutex<u32>,
}

type Segment = [Page; PER_SEGMENT];

/// Pages are allocated so many at a time.
const PER_SEGMENT: usize = 64;

/// The leading bits that the index can tell apart at most: pages for more than six thousand million states.
const DEEPEST: u32 = 28;

impl Directory {
    /// A directory that can grow to hold so many states.
    pub(super) fn new(states: usize) -> Self {
        // At this depth a page is half full or less, whatever its neighbours are.
        let depth = (states.div_ceil(PLACES).next_power_of_two().ilog2() + 1).min(DEEPEST);
        let most_pages = 1_usize << depth;
        let directory = Self {
            // By one less than all bits; the last one is shifted for itself, as it may be the only one.
            shift: 63 - depth,
            index: iter::repeat_with(|| AtomicU32::new(0)).take(most_pages).collect(),
            segments: iter::repeat_with(OnceLock::new).take(most_pages.div_ceil(PER_SEGMENT)).collect(),
            pages: Mutex::new(1),
        };
        directory.split_to(depth.saturating_sub(1).min(PER_SEGMENT.ilog2()));
        directory
    }

    /// Begins with some pages, so that threads seldom meet at one.
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
        self.by_number(self.index[self.slot(id)].load(Acquire))
    }

    /// All pages in use, with those that others come to while they are gone through: half of a page that is
    /// still to be looked at may have moved there.
    pub(super) fn pages(&self) -> impl Iterator<Item = &Page> + '_ {
        let in_use = || *self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        (0..).take_while(move |number| *number < in_use()).map(|number| self.by_number(number))
    }

    /// Moves half of a page to a new one; `false` if the table is as large as it may get.
    pub(super) fn split(&self, page: &Locked<'_>) -> bool {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let depth = page.depth();
        if depth == self.depth() || *pages as usize == self.index.len() {
            return false;
        }
        let number = *pages;
        let (half, new) = (1_u64 << (63 - depth), self.by_number(number).lock());
        let moves = |id: u64| id & half != 0;
        for entry in page.entries().filter(|entry| moves(entry.id)) {
            new.put(entry);
        }
        page.drain(|entry| moves(entry.id));
        let leading = page.prefix();
        page.set_prefix(leading, depth + 1);
        new.set_prefix(leading | half, depth + 1);
        let first = self.slot(leading | half);
        self.index[first..first + (self.index.len() >> (depth + 1))]
            .iter()
            .for_each(|slot| slot.store(number, Release));
        *pages += 1;
        true
    }

    /// Bytes that are allocated.
    pub(super) fn bytes(&self) -> usize {
        let segments = self.segments.iter().filter(|segment| segment.get().is_some()).count();
        size_of_val(&*self.index) + size_of_val(&*self.segments) + segments * size_of::<Segment>()
    }

    /// How many leading bits the index goes by.
    const fn depth(&self) -> u32 {
        63 - self.shift
    }

    #[inline]
    const fn slot(&self, id: u64) -> usize {
        (id >> 1 >> self.shift) as usize
    }

    #[inline]
    fn by_number(&self, number: u32) -> &Page {
        let segment = self.segments[number as usize / PER_SEGMENT]
            .get_or_init(|| Box::new(std::array::from_fn(|_| Page::new())));
        &segment[number as usize % PER_SEGMENT]
    }
}
