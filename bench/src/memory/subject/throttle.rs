//! This library, through its ordinary API: `Throttle::hit` with a string as the key.

use throttle::backend::Memory;
use throttle::strategy::{FixedWindow, Gcra};
use throttle::{Hit, Rate, Settings, Throttle};

use super::{Decide, Subject, Task};
use crate::memory::cell::{Algorithm, Outcome};
use crate::ours::throttle;
use crate::poll::at_once;

impl Decide for Throttle {
    type Key = String;

    #[inline]
    fn decide(&self, key: &String) -> bool {
        at_once(self.hit(key.as_str())).is_ok_and(|decision| decision.is_allowed())
    }
}

/// A throttle, and the cost of a client's first use.
struct Ours {
    throttle: Throttle,
    first: u64,
}

impl Decide for Ours {
    type Key = String;

    #[inline]
    fn decide(&self, key: &String) -> bool {
        self.throttle.decide(key)
    }

    fn first(&self, key: &String) -> bool {
        let hit = Hit::new(key.as_str()).cost(self.first);
        at_once(self.throttle.hit(hit)).is_ok_and(|decision| decision.is_allowed())
    }
}

pub(super) fn make(task: &Task) -> Box<dyn Subject> {
    const BILLION: u64 = 1_000_000_000;
    let (rate, burst, first) = match task.outcome {
        // Half of the quota of an hour is used first, so that the state of a client is in effect for the
        // whole run.
        Outcome::Allowed => (Rate::per_hour(BILLION), BILLION, BILLION / 2),
        Outcome::Stale => (Rate::per_second(BILLION), BILLION, 1),
        // The period is a day, because windows are aligned to the clock: the window of an hour may end during
        // the run.
        Outcome::Denied => (Rate::per_day(1), 1, 1),
    };
    let settings = Settings::new().rate(rate);
    let settings = match task.algorithm {
        Algorithm::Gcra => settings.strategy(Gcra::new().burst(burst)),
        Algorithm::FixedWindow => settings.strategy(FixedWindow),
    };
    // The same capacity as the floor's table, so that no live state is evicted.
    let memory = Memory::builder().max_keys(2 * task.clients).build();
    Box::new(Ours { throttle: throttle(memory, settings), first })
}
