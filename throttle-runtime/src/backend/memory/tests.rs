//! Tests of the engine's internals, in sizes that Miri can run: see CONTRIBUTING.md.

mod overtaken;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::thread;

use super::bounds::Bounds;
use super::directory::Directory;
use super::evicted::Limit;
use super::page::{Entry, PLACES, Page, Seen};
use super::table::{Id, SPILLED, Table};
use super::{FastPath, Memory};
use crate::backend::{Backend, Charge, Mode};
use crate::clock::ManualClock;
use crate::config::settings::Settings;
use crate::decision::Quota;
use crate::key::Key;
use crate::rate::Rate;
use crate::registry::registry;
use crate::strategy::{FixedWindow, Gcra, SlidingWindowLog, State, Strategy};
use crate::util::fingerprint::Domain;

/// The number of iterations of each thread.
const ROUNDS: u64 = if cfg!(miri) { 12 } else { 20_000 };

fn memory(max_keys: usize) -> Memory {
    Memory::builder().max_keys(max_keys).clock(ManualClock::new()).build()
}

/// Returns whether the request was admitted by the slow path.
fn take(memory: &Memory, key: &Key, strategy: &dyn Strategy, rate: Rate) -> bool {
    let rates = [rate];
    let charges = [Charge::new("t", key, strategy, &rates, 1)];
    let verdict = memory.decide(&charges, Mode::Consume).ready().expect("at once").expect("a verdict");
    verdict.quotas.iter().all(Quota::fits)
}

/// Returns whether the request was admitted by the fast path, or `None` if it needs the slow path.
fn take_fast(fast_path: &FastPath, key: &Key) -> Option<bool> {
    let attempt = fast_path.attempt(key.split(), 1, Mode::Consume);
    attempt.or_else(|| fast_path.decide(key.split(), 1, Mode::Consume)).map(|quota| quota.fits())
}

fn fast_path(memory: &Memory, strategy: &dyn Strategy, rate: Rate) -> FastPath {
    FastPath::new(memory, Domain::new("t", strategy.name(), &[rate]), strategy, &[rate]).expect("a fast path")
}

/// Returns numbers that are spread over all pages (G. Steele, D. Lea, C. Flood: Fast splittable pseudorandom
/// number generators, 2014).
const fn spread(number: u64) -> u64 {
    let z = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn entries(table: &Table) -> Vec<Entry> {
    table.directory.pages().flat_map(|page| page.lock().entries().collect::<Vec<_>>()).collect()
}

/// Splits every page once. Returns `false` if no page can be split.
fn split_all(directory: &Directory) -> bool {
    let pages = directory.pages().count();
    directory.pages().take(pages).filter(|page| directory.split(&page.lock())).count() > 0
}

#[test]
fn pages_split_and_keep_every_entry() {
    let directory = Directory::new(PLACES * 8);
    let all = || (0..60).map(|number| Entry { id: spread(number), head: number, word: !number });
    assert!(all().all(|entry| directory.page(entry.id).lock().put(entry)));
    loop {
        for entry in all() {
            let page = directory.page(entry.id);
            assert!(page.covers(entry.id));
            assert_eq!(page.lock().get(entry.id), Some(entry));
            assert!(matches!(page.read(entry.id), Seen::Entry(seen) if seen.entry == entry));
        }
        let kept: usize = directory.pages().map(|page| page.lock().entries().count()).sum();
        assert_eq!(kept, all().count(), "none is in two pages");
        if !split_all(&directory) {
            break;
        }
    }
    assert_eq!(directory.pages().count(), 16);
}

/// Otherwise, a reset would keep the entries that have just moved to a new page.
#[test]
fn pages_that_come_while_others_are_looked_at_are_looked_at_too() {
    let directory = Directory::new(PLACES * 8);
    let mut pages = directory.pages();
    let before = directory.pages().count();
    let first = pages.next().expect("a page");
    assert!(directory.split(&first.lock()));
    assert_eq!(pages.count(), before, "one less, and one more");
}

#[test]
fn nobody_sees_half_of_an_entry_and_no_update_is_lost() {
    let page = Page::new();
    page.lock().put(Entry { id: 7, head: 0, word: !0 });
    let replace = || {
        loop {
            if let Seen::Entry(seen) = page.read(7) {
                assert_eq!(seen.entry.word, !seen.entry.head);
                let head = seen.entry.head + 1;
                if page.replace(&seen, head, !head) {
                    return;
                }
            }
            thread::yield_now();
        }
    };
    let put = || {
        let page = page.lock();
        let head = page.get(7).expect("an entry").head + 1;
        page.put(Entry { id: 7, head, word: !head });
    };
    // A neighbour that moves entries within the page must not hide any of them.
    let neighbour = |round: u64| {
        let page = page.lock();
        page.put(Entry { id: 8, head: round, word: !round });
        page.drain(|entry| entry.id == 8);
    };
    thread::scope(|scope| {
        scope.spawn(|| (0..ROUNDS).for_each(|_| replace()));
        scope.spawn(|| (0..ROUNDS).for_each(|_| put()));
        scope.spawn(|| (0..ROUNDS).for_each(neighbour));
        for _ in 0..ROUNDS {
            match page.read(7) {
                Seen::Entry(seen) => assert_eq!(seen.entry.word, !seen.entry.head),
                Seen::Nothing => panic!("it is always there"),
                Seen::Writer => thread::yield_now(),
            }
        }
    });
    assert_eq!(page.lock().get(7).expect("an entry").head, 2 * ROUNDS);
}

/// Some threads use the fast path, others the slow path.
#[test]
fn as_many_are_admitted_as_the_limit_says() {
    let rate = Rate::per_day(ROUNDS);
    for strategy in [&FixedWindow as &dyn Strategy, &Gcra::new().burst(ROUNDS)] {
        let (memory, key) = (memory(64), Key::from("a"));
        let fast_path = fast_path(&memory, strategy, rate);
        let long = || take(&memory, &key, strategy, rate);
        let admitted = AtomicU64::new(0);
        let count = |fits: bool| _ = admitted.fetch_add(fits.into(), Relaxed);
        thread::scope(|scope| {
            scope.spawn(|| (0..ROUNDS).for_each(|_| count(take_fast(&fast_path, &key).unwrap_or_else(long))));
            scope.spawn(|| (0..ROUNDS).for_each(|_| count(long())));
        });
        assert_eq!(admitted.into_inner(), ROUNDS, "{strategy:?}");
        assert_eq!(take_fast(&fast_path, &key), Some(false));
    }
}

/// The same test through the public API.
#[test]
fn a_throttle_admits_as_many_as_its_limit_says() {
    let registry = now(registry().backend("memory", memory(64)).build()).expect("a registry");
    let settings = Settings::new().rate(Rate::per_day(ROUNDS));
    let throttle = registry.create("t", settings).expect("a throttle");
    let admitted = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let decision = now(throttle.hit("a")).expect("a decision");
                    admitted.fetch_add(decision.is_allowed().into(), Relaxed);
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), ROUNDS);
    assert_eq!(throttle.counts().allowed, ROUNDS);
    assert_eq!(throttle.counts().denied, ROUNDS);
}

/// Polls a future once. Futures of the memory backend are ready immediately.
fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("memory waits for nothing"),
    }
}

#[test]
fn decisions_go_on_while_pages_split() {
    let rounds = ROUNDS.min(1_000);
    let (memory, rate) = (memory(PLACES * 8), Rate::per_day(rounds));
    let keys: Vec<_> = (0..3_u64).map(Key::from).collect();
    let fast_path = fast_path(&memory, &FixedWindow, rate);
    let admitted = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for key in keys.iter().cycle().take(keys.len() * rounds as usize) {
                    let fits =
                        take_fast(&fast_path, key).unwrap_or_else(|| take(&memory, key, &FixedWindow, rate));
                    admitted.fetch_add(fits.into(), Relaxed);
                }
            });
        }
        while split_all(&memory.0.table.directory) {
            thread::yield_now();
        }
    });
    assert_eq!(admitted.into_inner(), rounds * keys.len() as u64);
    assert_eq!(memory.len(), keys.len());
}

fn spilled(until: u64) -> State {
    State::new(until, 1).with_list(vec![1, 2, 3])
}

/// Covers all ways in which a state can be removed.
#[test]
fn spilled_states_go_with_their_places() {
    let now = 1_000_000;
    let table = Table::new(Bounds::new(Some(64), None), now);
    let limit = Limit {
        domain: Domain::new("t", SlidingWindowLog.name(), &[]),
        index: 0,
        summary: SlidingWindowLog.summary(),
    };
    let class = table.evicted.class(limit, Rate::per_day(1));
    let id = |number: u64| Id::new(u128::from(spread(number)) << 64);
    let set = |number: u64, state: State| {
        let page = table.page(id(number)).lock();
        assert!(table.make_room(&page, 1, now, &|_| false).is_ok(), "no page is full");
        table.set(&page, id(number), state, || class);
    };
    let left = || (table.len(), table.spilled.len());

    set(0, spilled(now + 9));
    set(0, spilled(now + 10));
    assert_eq!(left(), (1, 1), "replaced");
    assert_eq!(table.get(&table.page(id(0)).lock(), id(0), now), Some(spilled(now + 10)));
    set(0, State::new(now + 9, 1));
    assert_eq!(left(), (1, 0), "short enough now");
    set(0, State::new(1 << 50, 1));
    assert_eq!(left(), (1, 1), "too far away for a place");
    table.clear();
    assert_eq!(left(), (0, 0), "cleared");

    for number in 0..70 {
        set(number, spilled(now + 9));
    }
    assert_eq!(left(), (64, 64), "some made room");
    assert!(table.evictions() >= 6);
    let page = table.page(id(0)).lock();
    let others = 64 - page.entries().count();
    assert!(table.make_room(&page, 1, now + 9, &|_| false).is_ok());
    drop(page);
    assert_eq!(left(), (others, others), "expired");
}

#[test]
fn len_is_the_number_of_states() {
    let memory = memory(64);
    let rate = Rate::per_day(2);
    let load = |thread: u64| {
        for round in 0..ROUNDS.clamp(60, 1_000) {
            let key = Key::from(spread(round * 2 + thread) % 100);
            take(&memory, &key, &FixedWindow, rate);
            take(&memory, &key, &SlidingWindowLog, rate);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| load(0));
        scope.spawn(|| load(1));
    });
    take(&memory, &Key::from("the last one"), &FixedWindow, rate);
    let (table, entries) = (&memory.0.table, entries(&memory.0.table));
    assert_eq!(memory.len(), entries.len());
    assert_eq!(memory.len(), 64);
    assert!(memory.evictions() > 0);
    assert_eq!(table.spilled.len(), entries.iter().filter(|entry| entry.head & SPILLED != 0).count());
}
