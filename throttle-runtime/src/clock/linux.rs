//! The kernel's monotonic clocks: the exact clock, and the clock of its last tick, which costs a third.
#![expect(unsafe_code, reason = "the standard library does not have the second one")]

#[derive(Debug, Clone)]
pub(super) struct Monotonic {
    /// Microseconds between two ticks, rounded up.
    tick: u64,
}

impl Monotonic {
    pub(super) fn new() -> Self {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is to a local of that type.
        let failed = unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &raw mut time) };
        // No kernel has ticks longer than 10 ms.
        Self { tick: if failed == 0 { micros(time) + 1 } else { 10_000 } }
    }

    /// Returns the microseconds since the machine started.
    #[expect(clippy::unused_self, reason = "other systems need it")]
    #[inline]
    pub(super) fn now(&self) -> u64 {
        read(libc::CLOCK_MONOTONIC)
    }

    #[expect(clippy::unused_self, reason = "other systems need it")]
    #[expect(clippy::inline_always, reason = "a call costs a tenth of a decision")]
    #[inline(always)]
    pub(super) fn coarse(&self) -> u64 {
        read(libc::CLOCK_MONOTONIC_COARSE)
    }

    pub(super) const fn tick(&self) -> u64 {
        self.tick
    }
}

#[expect(clippy::inline_always, reason = "a call costs a tenth of a decision")]
#[inline(always)]
fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local of that type. These clocks exist since Linux 2.6.32, so the call does
    // not fail. If it failed, the time would be 0.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    micros(time)
}

/// These clocks count from the machine's start, so neither part is negative. The width of the parts depends
/// on the machine.
#[inline]
#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, reason = "on others they are not of 64 bits")]
const fn micros(time: libc::timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
}
