//! Other threads interfere between two steps of one decision.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{fast_path, take, take_fast};
use crate::backend::Memory;
use crate::clock::{Clock, ManualClock};
use crate::key::Key;
use crate::rate::Rate;
use crate::strategy::FixedWindow;

/// A clock that blocks the next reader.
#[derive(Debug, Clone)]
struct HoldsUp {
    time: ManualClock,
    next: Arc<Mutex<Option<Meeting>>>,
}

/// Tells the test that a reader is blocked, and receives the signal that releases the reader.
type Meeting = (Sender<()>, Receiver<()>);

impl Clock for HoldsUp {
    fn now(&self) -> u64 {
        let (now, next) = (self.time.now(), self.next.lock().expect("nobody panics").take());
        if let Some((held, released)) = next {
            held.send(()).expect("somebody waits");
            // A reader that holds a lock cannot be overtaken, and continues after the timeout.
            let _ = released.recv_timeout(Duration::from_millis(20));
        }
        now
    }
}

/// Between the lookup of a newcomer and its admission, other requests of the same identity may use the whole
/// quota. Its cell may also be taken by another identity before it is written.
#[test]
fn a_newcomer_who_is_overtaken_is_not_admitted_to_a_window_that_is_used_up() {
    let rate = Rate::per_second(1);
    for round in 0..10_u32 {
        let clock = HoldsUp { time: ManualClock::new(), next: Arc::default() };
        let memory = Memory::builder().max_keys(64).clock(clock.clone()).build();
        let (fast_path, key) = (fast_path(&memory, &FixedWindow, rate), Key::from(round));
        let take =
            |key: &Key| take_fast(&fast_path, key).unwrap_or_else(|| take(&memory, key, &FixedWindow, rate));
        let ((held, is_held), (release, released)) = (channel(), channel());
        *clock.next.lock().expect("nobody panics") = Some((held, released));
        let admitted = thread::scope(|scope| {
            let newcomer = scope.spawn(|| take_fast(&fast_path, &key));
            is_held.recv().expect("a newcomer asks for the time");
            let other = take(&key);
            clock.time.advance(Duration::from_secs(1));
            (0..40).for_each(|client| _ = take(&Key::from((round, client))));
            let _ = release.send(());
            [Some(other), newcomer.join().expect("nobody panics")]
        });
        let admitted = admitted.into_iter().filter(|admitted| *admitted == Some(true)).count();
        assert_eq!(admitted, 1, "of the first window");
    }
}
