//! A page: 1 KiB of the table, with cells for states and one version, which is also the lock of the page.
//!
//! Readers take no lock. They read the version, the cell, and the version again (a sequence lock, H.-J.
//! Boehm: Can seqlocks get along with programming language memory models?, 2012). All words are atomic, so a
//! torn read is detected and is never undefined behaviour.

use std::array;
use std::hint;
use std::ops::Deref;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};
use std::thread;

/// The number of cells of a page.
pub(super) const PLACES: usize = 42;

#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Page {
    /// Odd while a thread writes.
    version: AtomicU64,
    /// The leading bits of all fingerprints in this page. The low byte contains the number of these bits.
    prefix: AtomicU64,
    places: [Place; PLACES],
}

/// The content of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// 0 if the cell is empty.
    pub(super) id: u64,
    pub(super) head: u64,
    pub(super) word: u64,
}

impl Entry {
    const EMPTY: Self = Self { id: 0, head: 0, word: 0 };
}

type Place = [AtomicU64; 3];

/// The result of a read without a lock.
pub(super) enum Seen<'a> {
    Entry(Version<'a>),
    Nothing,
    /// A thread is writing, or has written during the read.
    Writer,
}

/// An entry, and the version of its page at which it was read.
pub(super) struct Version<'a> {
    number: u64,
    place: &'a Place,
    pub(super) entry: Entry,
}

/// The lock of a page. While it is held, other threads neither write to the page nor read entries from it.
pub(super) struct Locked<'a>(&'a Page);

impl Page {
    pub(super) fn new() -> Self {
        Self {
            version: AtomicU64::new(0),
            prefix: AtomicU64::new(0),
            places: array::from_fn(|_| array::from_fn(|_| AtomicU64::new(0))),
        }
    }

    /// Returns whether fingerprints with these leading bits belong to this page.
    #[inline]
    pub(super) fn covers(&self, id: u64) -> bool {
        let prefix = self.prefix.load(Relaxed);
        // Shifted in two steps, because the shift is 64 bits if the prefix is empty.
        (id ^ prefix) >> 1 >> (63 - (prefix & 0xff)) == 0
    }

    /// Returns the leading bits that the fingerprints of this page share, followed by zeros.
    pub(super) fn prefix(&self) -> u64 {
        self.prefix.load(Relaxed) & !0xff
    }

    /// Returns the number of leading bits that the fingerprints of this page share.
    pub(super) fn depth(&self) -> u32 {
        (self.prefix.load(Relaxed) & 0xff) as u32
    }

    /// Reads the entry of a fingerprint.
    #[inline]
    pub(super) fn read(&self, id: u64) -> Seen<'_> {
        let version = self.version.load(Acquire);
        if version & 1 == 1 {
            return Seen::Writer;
        }
        let found = self.find(id).map(|place| {
            let [head, word] = [&place[1], &place[2]].map(|word| word.load(Relaxed));
            Version { number: version, place, entry: Entry { id, head, word } }
        });
        fence(Acquire);
        if self.version.load(Relaxed) == version {
            found.map_or(Seen::Nothing, Seen::Entry)
        } else {
            Seen::Writer
        }
    }

    /// Replaces an entry. Returns `false` if another thread has written to the page since the entry was read.
    #[inline]
    pub(super) fn replace(&self, seen: &Version<'_>, head: u64, word: u64) -> bool {
        let next = seen.number.wrapping_add(1);
        if self.version.compare_exchange(seen.number, next, Acquire, Relaxed).is_err() {
            return false;
        }
        fence(Release);
        let [_, old_head, old_word] = seen.place;
        old_head.store(head, Relaxed);
        old_word.store(word, Relaxed);
        self.version.store(next.wrapping_add(1), Release);
        true
    }

    /// Locks the page, and waits until no other thread holds the lock. A holder runs the steps of strategies
    /// and at times splits a page, but waits for nothing that takes longer.
    pub(super) fn lock(&self) -> Locked<'_> {
        let mut spins = 0;
        loop {
            if let Some(locked) = self.try_lock() {
                return locked;
            }
            // The holder may have lost its processor, so this thread yields its own.
            if spins == SPINS {
                thread::yield_now();
            } else {
                hint::spin_loop();
            }
            spins = if spins == SPINS { 0 } else { spins + 1 };
        }
    }

    /// Locks the page if no other thread holds the lock.
    pub(super) fn try_lock(&self) -> Option<Locked<'_>> {
        let version = self.version.load(Relaxed);
        let next = version.wrapping_add(1);
        let free = version & 1 == 0;
        (free && self.version.compare_exchange(version, next, Acquire, Relaxed).is_ok()).then(|| {
            fence(Release);
            Locked(self)
        })
    }

    #[inline]
    fn find(&self, id: u64) -> Option<&Place> {
        let mut at = home(id);
        for _ in 0..PLACES {
            let place = &self.places[at];
            match place[0].load(Relaxed) {
                found if found == id => return Some(place),
                0 => return None,
                _ => at = if at + 1 == PLACES { 0 } else { at + 1 },
            }
        }
        None
    }

    fn entry(&self, at: usize) -> Entry {
        entry(&self.places[at])
    }

    pub(super) fn set(&self, at: usize, entry: Entry) {
        set(&self.places[at], entry);
    }
}

fn entry(place: &Place) -> Entry {
    let [id, head, word] = place.each_ref().map(|word| word.load(Relaxed));
    Entry { id, head, word }
}

fn set([id, head, word]: &Place, entry: Entry) {
    id.store(entry.id, Relaxed);
    head.store(entry.head, Relaxed);
    word.store(entry.word, Relaxed);
}

/// How often a waiting thread checks the lock before it yields.
const SPINS: u32 = 64;

/// Returns the cell at which the search for a fingerprint begins. The leading bits have selected the page, so
/// the low bits are used here.
#[inline]
const fn home(id: u64) -> usize {
    let low = id & 0xffff_ffff;
    ((low * PLACES as u64) >> 32) as usize
}

impl Locked<'_> {
    pub(super) fn get(&self, id: u64) -> Option<Entry> {
        self.find(id).map(entry)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        (0..PLACES).map(|at| self.entry(at)).filter(|entry| entry.id != 0)
    }

    /// Returns the cell for a new fingerprint of this page, and whether that cell is empty. The cell is the
    /// first one in the search order whose entry is useless, or else the empty cell at the end of the search.
    /// Returns `None` if the fingerprint is already here, belongs to another page, or the page is full.
    pub(super) fn place_for(&self, id: u64, useless: impl Fn(Entry) -> bool) -> Option<(usize, bool)> {
        let mut found = None;
        for step in 0..PLACES {
            let at = (home(id) + step) % PLACES;
            let entry = self.entry(at);
            if entry.id == 0 {
                found = found.or(Some((at, true)));
                break;
            }
            if entry.id == id {
                return None;
            }
            found = found.or_else(|| useless(entry).then_some((at, false)));
        }
        found.filter(|_| self.covers(id))
    }

    /// Stores an entry in the cell of its fingerprint, or in an empty cell. Returns `false` if there is no
    /// such cell.
    pub(super) fn put(&self, entry: Entry) -> bool {
        let search = || (0..PLACES).map(|step| &self.places[(home(entry.id) + step) % PLACES]);
        let empty = || search().find(|[id, ..]| id.load(Relaxed) == 0);
        let place = self.find(entry.id).or_else(empty);
        place.inspect(|place| set(place, entry)).is_some()
    }

    /// Removes the unwanted entries. The remaining entries move towards the start of their search.
    pub(super) fn drain(&self, mut unwanted: impl FnMut(Entry) -> bool) {
        let mut gap = false;
        let kept: [Entry; PLACES] = array::from_fn(|at| {
            let entry = self.entry(at);
            let goes = entry.id != 0 && unwanted(entry);
            gap |= goes;
            if goes { Entry::EMPTY } else { entry }
        });
        if gap {
            (0..PLACES).for_each(|at| self.set(at, Entry::EMPTY));
            for entry in kept.into_iter().filter(|entry| entry.id != 0) {
                self.put(entry);
            }
        }
    }

    pub(super) fn set_prefix(&self, leading: u64, depth: u32) {
        let mask = u64::MAX.checked_shr(depth).unwrap_or(0);
        self.prefix.store(leading & !mask & !0xff | u64::from(depth), Relaxed);
    }
}

impl Deref for Locked<'_> {
    type Target = Page;

    fn deref(&self) -> &Page {
        self.0
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Release);
    }
}
