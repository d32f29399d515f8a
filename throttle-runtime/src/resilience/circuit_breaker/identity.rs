//! The identity of a breaker: which settings denote the same breaker.

use std::panic::Location;

use super::CircuitBreaker;

/// The identity of a breaker: a chosen name, or else the source location of its settings. A constant that two
/// attributes use is one breaker. Settings that two attributes contain inline are two breakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    Named(&'static str),
    At(&'static Location<'static>),
}

impl CircuitBreaker {
    /// Returns the identity. Settings with the same identity are one breaker.
    pub(crate) const fn identity(&self) -> Identity {
        self.identity
    }

    /// Returns the name for events: the chosen name, or else the file and line of the settings.
    pub(crate) fn label(&self) -> String {
        match self.identity {
            Identity::Named(name) => name.to_owned(),
            Identity::At(place) => format!("{}:{}", place.file(), place.line()),
        }
    }

    /// Returns the chosen name, which is the same in all instances.
    pub(crate) const fn chosen_name(&self) -> Option<&'static str> {
        match self.identity {
            Identity::Named(name) => Some(name),
            Identity::At(_) => None,
        }
    }

    /// Whether both settings are equal, as settings with the same identity must be. Hooks are not compared.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        self.rules == other.rules && self.shared_by == other.shared_by
    }
}
