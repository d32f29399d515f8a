//! The switches of a whole registry, in one word, since every decision reads it.

use std::sync::atomic::{AtomicU8, Ordering};

/// How far decisions go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    /// They are made and enforced.
    Full,
    /// They are made and counted, and let everything pass.
    Dry,
    /// They are not made.
    Off,
}

/// The switches of a registry.
#[derive(Debug, Default)]
pub(crate) struct Switches(AtomicU8);

const OFF: u8 = 1;
const DRY: u8 = 2;

impl Switches {
    /// What they say for all throttles: off wins over dry.
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

    pub(super) fn set_off(&self, off: bool) {
        self.set(OFF, off);
    }

    pub(super) fn set_dry(&self, dry: bool) {
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
