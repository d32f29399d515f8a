//! Which settings mean the same breaker.

use std::panic::Location;

use super::CircuitBreaker;

/// A name that was chosen, or else the place where the settings were made: a constant that two attributes use is
/// one breaker, and two that are written inline are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    Named(&'static str),
    At(&'static Location<'static>),
}

impl CircuitBreaker {
    /// Values of one identity are one breaker.
    pub(crate) const fn identity(&self) -> Identity {
        self.identity
    }

    /// What events call it: its name, or else the file and line where it was made.
    pub(crate) fn label(&self) -> String {
        match self.identity {
            Identity::Named(name) => name.to_owned(),
            Identity::At(place) => format!("{}:{}", place.file(), place.line()),
        }
    }

    /// The name that is the same in all instances, if it was chosen.
    pub(crate) const fn chosen_name(&self) -> Option<&'static str> {
        match self.identity {
            Identity::Named(name) => Some(name),
            Identity::At(_) => None,
        }
    }

    /// Whether both say the same, as values of one identity have to; hooks cannot be compared.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        self.rules == other.rules && self.board == other.board
    }
}
