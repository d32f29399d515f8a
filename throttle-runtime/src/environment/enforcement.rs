//! The switches of a whole registry. They are in one atomic byte, because every decision reads it.

use std::sync::atomic::{AtomicU8, Ordering};

/// How decisions are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    /// Decisions are made and enforced.
    Full,
    /// Dry-run mode: decisions are made and counted, and all requests pass.
    Dry,
    /// Decisions are not made.
    Off,
}

/// The switches of a registry.
#[derive(Debug, Default)]
pub(crate) struct Switches(AtomicU8);

const OFF: u8 = 1;
const DRY: u8 = 2;

impl Switches {
    /// Returns the mode for all throttles. `Off` takes precedence over `Dry`.
    #[inline]
    pub(crate) fn force(&self) -> Force {
        match self.0.load(Ordering::Relaxed) {
            0 => Force::Full,
            DRY => Force::Dry,
            _ => Force::Off,
        }
    }

    pub(crate) fn is_dry(&self) -> bool {
        self.0.load(Ordering::Relaxed) & DRY != 0
    }

    pub(crate) fn set_off(&self, off: bool) {
        self.set(OFF, off);
    }

    pub(crate) fn set_dry(&self, dry: bool) {
        self.set(DRY, dry);
    }

    fn set(&self, switch: u8, on: bool) {
        if on {
            self.0.fetch_or(switch, Ordering::Relaxed);
        } else {
            self.0.fetch_and(!switch, Ordering::Relaxed);
        }
    }
}
