//! The index: references to pages. Many references may point to the same page.
#![expect(unsafe_code, reason = "numbers of pages take two more reads that wait for one another")]

use std::iter;
use std::ops::Range;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::page::Page;
use super::segment::Segment;

/// The index also owns the pages, so that no reference outlives its page.
#[derive(Debug)]
pub(super) struct Index {
    slots: Box<[AtomicPtr<Page>]>,
    segments: Box<[OnceLock<Segment>]>,
}

impl Index {
    /// Creates `len` references, all to the first page, and capacity for as many pages.
    pub(super) fn new(len: usize) -> Self {
        let segments = iter::repeat_with(OnceLock::new).take(Segment::count(len)).collect();
        let mut index = Self { slots: Box::default(), segments };
        let first = ptr::from_ref(index.page(0)).cast_mut();
        index.slots = iter::repeat_with(|| AtomicPtr::new(first)).take(len).collect();
        index
    }

    pub(super) const fn len(&self) -> usize {
        self.slots.len()
    }

    /// # Panics
    ///
    /// If `slot` is not below `len`.
    #[inline]
    pub(super) fn get(&self, slot: usize) -> &Page {
        let page = self.slots[slot].load(Acquire);
        // SAFETY: every slot holds the address of a page in one of the segments. `new` and `set` stored it
        // there from a reference to that page. Boxes in a segment's cell keep their address, and are dropped
        // with the cell, which `self` owns, and so after the reference that is returned. A page consists of
        // atomic words, which other threads may write to while references to the page exist.
        unsafe { &*page }
    }

    /// Lets a range of references point to another page.
    pub(super) fn set(&self, slots: Range<usize>, number: usize) {
        let page = ptr::from_ref(self.page(number)).cast_mut();
        self.slots[slots].iter().for_each(|slot| slot.store(page, Release));
    }

    /// Returns the page with this number, and allocates it at the first call.
    pub(super) fn page(&self, number: usize) -> &Page {
        let (segment, place) = Segment::of(number);
        &self.segments[segment].get_or_init(|| Segment::new(segment))[place]
    }

    /// Bytes that the page with this number will allocate: 0 if it is already allocated.
    pub(super) fn growth(&self, number: usize) -> usize {
        let (segment, _) = Segment::of(number);
        let is_there = self.segments.get(segment).is_none_or(|segment| segment.get().is_some());
        if is_there { 0 } else { Segment::bytes(segment) }
    }

    /// Bytes that are allocated.
    pub(super) fn bytes(&self) -> usize {
        let segments = self.segments.iter().filter_map(OnceLock::get);
        let pages: usize = segments.map(|segment| size_of_val(&**segment)).sum();
        size_of_val(&*self.slots) + size_of_val(&*self.segments) + pages
    }
}
