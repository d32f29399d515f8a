//! Ours, through the way that every program goes: `Throttle::hit`, with text as the key.

use throttle::backend::{Backend, Memory};
use throttle::strategy::{FixedWindow, Gcra};
use throttle::{Rate, Settings, Throttle, registry};

use super::{Decide, Subject, Task};
use crate::memory::cell::{Algorithm, Outcome};
use crate::poll::at_once;

impl Decide for Throttle {
    type Key = String;

    #[inline]
    fn decide(&self, key: &String) -> bool {
        at_once(self.hit(key.as_str())).is_ok_and(|decision| decision.is_allowed())
    }
}

pub(super) fn make(task: &Task) -> Box<dyn Subject> {
    // As full as the floor's table, so that no live client makes room for another.
    Box::new(throttle(Memory::builder().max_keys(2 * task.clients).build(), settings(task)))
}

fn settings(task: &Task) -> Settings {
    let settings = match task.outcome {
        Outcome::Allowed => Settings::new().rate(Rate::per_minute(1_000_000_000)),
        // A day, as windows are aligned: an hour may end while the run is on.
        Outcome::Denied => Settings::new().rate(Rate::per_day(1)),
    };
    match (task.algorithm, task.outcome) {
        (Algorithm::FixedWindow, _) => settings.strategy(FixedWindow),
        (Algorithm::Gcra, Outcome::Allowed) => settings.strategy(Gcra::new().burst(1_000_000_000)),
        (Algorithm::Gcra, Outcome::Denied) => settings.strategy(Gcra::new()),
    }
}

/// A throttle on a backend of its own.
pub(crate) fn throttle(memory: impl Backend, settings: Settings) -> Throttle {
    let registry = at_once(registry().backend("memory", memory).build()).expect("nothing is wrong with it");
    registry.create("bench", settings).expect("nothing is wrong with them")
}
