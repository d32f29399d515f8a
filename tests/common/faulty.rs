//! A memory backend that fails on command. Needs the feature `testkit`.

use throttle::ManualClock;
use throttle::backend::Memory;
use throttle::testkit::Faulty;

pub(crate) fn faulty(clock: &ManualClock) -> Faulty {
    Faulty::new(Memory::builder().clock(clock.clone()).build())
}
