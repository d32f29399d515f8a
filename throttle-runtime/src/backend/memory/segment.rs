//! Pages of the table as they are allocated: a few at a time, and later many.
#![expect(
    unsafe_code,
    reason = "two million bytes of pages fit on no stack, and are slow where they are not one page"
)]

use std::ops::Deref;

use super::page::Page;

/// Some pages, which stay where they are.
#[derive(Debug)]
pub(super) enum Segment {
    Few(Box<[Page]>),
    Many(Box<Many>),
}

/// As many as fill one of the machine's huge pages. Where states are spread over many small ones, finding out where
/// those are costs more than reading the state.
#[derive(Debug)]
#[repr(align(0x20_0000))]
pub(super) struct Many([Page; MANY]);

// One huge page, from its beginning to its end.
const _: () = assert!(align_of::<Many>() == size_of::<Many>());

const FEW: usize = 64;
const MANY: usize = 2 * 1024 * 1024 / size_of::<Page>();

impl Segment {
    /// How many segments so many pages take.
    pub(super) const fn count(pages: usize) -> usize {
        if pages <= MANY { pages.div_ceil(FEW) } else { MANY / FEW + (pages - MANY).div_ceil(MANY) }
    }

    /// In which segment a page is, and which of its pages it is.
    pub(super) const fn of(page: usize) -> (usize, usize) {
        if page < MANY { (page / FEW, page % FEW) } else { (MANY / FEW + page / MANY - 1, page % MANY) }
    }

    /// Bytes of the segment of that number.
    pub(super) const fn bytes(number: usize) -> usize {
        if number < MANY / FEW { FEW * size_of::<Page>() } else { size_of::<Many>() }
    }

    /// The segment of that number.
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
        // SAFETY: the bytes are ours to write. A page is atomic integers and nothing else, to which bytes of zero are
        // the value 0, which is what new pages hold.
        unsafe {
            pages.as_mut_ptr().write_bytes(0, 1);
            pages.assume_init()
        }
    }
}

/// Asks for a huge page, of which there may be none: then everything works, too.
#[cfg(all(target_os = "linux", not(miri)))]
fn be_huge(pages: *mut Many) {
    // SAFETY: a hint about memory that has just been allocated, all of it. It changes none of its contents.
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
