//! Segments: the allocations of the table's pages. The first segments are small, later ones are large.
#![expect(
    unsafe_code,
    reason = "two million bytes of pages fit on no stack, and are slow where they are not one page"
)]

use std::ops::Deref;

use super::page::Page;

/// Pages that keep their address.
#[derive(Debug)]
pub(super) enum Segment {
    Few(Box<[Page]>),
    Many(Box<Many>),
}

/// As many pages as fill one huge page of the machine. If the states are spread over many small memory pages,
/// translating an address costs more than reading the state.
#[derive(Debug)]
#[repr(align(0x20_0000))]
pub(super) struct Many([Page; MANY]);

// The value fills one huge page exactly.
const _: () = assert!(align_of::<Many>() == size_of::<Many>());

const FEW: usize = 64;
const MANY: usize = 2 * 1024 * 1024 / size_of::<Page>();

impl Segment {
    /// Returns the number of segments for `pages` pages.
    pub(super) const fn count(pages: usize) -> usize {
        if pages <= MANY { pages.div_ceil(FEW) } else { MANY / FEW + (pages - MANY).div_ceil(MANY) }
    }

    /// Returns the segment of a page, and the position of the page in the segment.
    pub(super) const fn of(page: usize) -> (usize, usize) {
        if page < MANY { (page / FEW, page % FEW) } else { (MANY / FEW + page / MANY - 1, page % MANY) }
    }

    /// Returns the bytes of the segment with this number.
    pub(super) const fn bytes(number: usize) -> usize {
        if number < MANY / FEW { FEW * size_of::<Page>() } else { size_of::<Many>() }
    }

    /// Allocates the segment with this number.
    pub(super) fn new(number: usize) -> Self {
        if number < MANY / FEW {
            Self::Few((0..FEW).map(|_| Page::new()).collect())
        } else {
            Self::Many(Many::new())
        }
    }
}

impl Many {
    fn new() -> Box<Self> {
        let mut pages = Box::<Self>::new_uninit();
        be_huge(pages.as_mut_ptr());
        // SAFETY: the bytes are ours to write. A page consists of atomic integers only. Zero bytes are the
        // value 0 of an atomic integer, and new pages contain only zeros.
        unsafe {
            pages.as_mut_ptr().write_bytes(0, 1);
            pages.assume_init()
        }
    }
}

/// Asks the kernel for a huge page. Everything also works if the kernel has none.
#[cfg(all(target_os = "linux", not(miri)))]
fn be_huge(pages: *mut Many) {
    // SAFETY: a hint about the whole of a fresh allocation. It does not change the contents.
    unsafe { libc::madvise(pages.cast(), size_of::<Many>(), libc::MADV_HUGEPAGE) };
}

#[cfg(any(not(target_os = "linux"), miri))]
const fn be_huge(_: *mut Many) {}

impl Deref for Segment {
    type Target = [Page];

    fn deref(&self) -> &[Page] {
        match self {
            Self::Few(pages) => pages,
            Self::Many(pages) => &pages.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_a_place_of_its_own() {
        let mut next = (0, 0);
        for page in 0..4 * MANY {
            assert_eq!(Segment::of(page), next);
            assert_eq!(Segment::count(page), next.0 + usize::from(next.1 > 0), "{page}");
            let len = if next.0 < MANY / FEW { FEW } else { MANY };
            next = if next.1 + 1 == len { (next.0 + 1, 0) } else { (next.0, next.1 + 1) };
        }
    }

    #[test]
    fn new_pages_are_empty() {
        // Miri is a thousand times slower.
        let step = if cfg!(miri) { 97 } else { 1 };
        for number in [0, MANY / FEW] {
            let pages = Segment::new(number);
            assert_eq!(pages.len(), if number == 0 { FEW } else { MANY });
            let is_empty = |page: &Page| page.depth() == 0 && page.lock().entries().count() == 0;
            assert!(pages.iter().step_by(step).all(is_empty));
        }
    }
}
