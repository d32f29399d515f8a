//! A kilobyte of the table: places for states under one version, which is also their lock.
//!
//! Readers take no lock: they read the version, the place and the version again (a sequence lock, H.-J. Boehm:
//! Can seqlocks get along with programming language memory models?, 2012). Everything is atomic words, so a
//! torn read is noticed and never undefined.

use std::array;
use std::hint;
use std::ops::Deref;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};
use std::thread;

/// How many places a page has.
pub(super) const PLACES: usize = 42;

#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Page {
    /// Odd while somebody writes.
    version: AtomicU64,
    /// The leading bits of all fingerprints in this page, and in the low byte how many they are.
    prefix: AtomicU64,
    places: [Place; PLACES],
}

/// What a place holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// 0 for an empty place.
    pub(super) id: u64,
    pub(super) head: u64,
    pub(super) word: u64,
}

impl Entry {
    const EMPTY: Self = Self { id: 0, head: 0, word: 0 };
}

type Place = [AtomicU64; 3];

/// What a reader without a lock finds.
pub(super) enum Seen<'a> {
    Entry(Version<'a>),
    Nothing,
    /// Somebody writes, or has written in the meantime.
    Writer,
}

/// An entry at one version of its page.
pub(super) struct Version<'a> {
    number: u64,
    place: &'a Place,
    pub(super) entry: Entry,
}

/// The page while nobody else reads or writes it.
pub(super) struct Locked<'a>(&'a Page);

impl Page {
    pub(super) fn new() -> Self {
        Self {
            version: AtomicU64::new(0),
            prefix: AtomicU64::new(0),
            places: array::from_fn(|_| array::from_fn(|_| AtomicU64::new(0))),
        }
    }

    /// Whether fingerprints with these leading bits live here.
    #[inline]
    pub(super) fn covers(&self, id: u64) -> bool {
        let prefix = self.prefix.load(Relaxed);
        // Shifted in two steps: by all 64 bits if the prefix has none.
        (id ^ prefix) >> 1 >> (63 - (prefix & 0xff)) == 0
    }

    /// The leading bits that its fingerprints share, and zeros.
    pub(super) fn prefix(&self) -> u64 {
        self.prefix.load(Relaxed) & !0xff
    }

    /// How many they are.
    pub(super) fn depth(&self) -> u32 {
        (self.prefix.load(Relaxed) & 0xff) as u32
    }

    /// What is kept under a fingerprint.
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

    /// Replaces what was seen, unless somebody else has written to the page since.
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

    /// Waits until nobody else writes. Holders run the steps of strategies, and at times split a page, but wait for
    /// nothing that takes longer.
    pub(super) fn lock(&self) -> Locked<'_> {
        let mut spins = 0;
        loop {
            if let Some(locked) = self.try_lock() {
                return locked;
            }
            // The holder may have lost its processor: let it have this one.
            if spins == SPINS {
                thread::yield_now();
            } else {
                hint::spin_loop();
            }
            spins = if spins == SPINS { 0 } else { spins + 1 };
        }
    }

    /// The lock, if nobody else has it.
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

/// How often a waiting thread looks before it gives way to others.
const SPINS: u32 = 64;

/// Where the search for a fingerprint begins. Its leading bits have picked the page, so these are others.
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

    /// Where a new fingerprint of this page goes: over what is useless on the way of its search, or to its end;
    /// and whether that is empty. `None` if the fingerprint is here or lives elsewhere, or the page is full.
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

    /// Puts an entry over the one of its fingerprint, or into an empty place; `false` if there is none.
    pub(super) fn put(&self, entry: Entry) -> bool {
        let search = || (0..PLACES).map(|step| &self.places[(home(entry.id) + step) % PLACES]);
        let empty = || search().find(|[id, ..]| id.load(Relaxed) == 0);
        let place = self.find(entry.id).or_else(empty);
        place.inspect(|place| set(place, entry)).is_some()
    }

    /// Takes out what is unwanted. What is left moves towards where its search begins.
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
