//! A circuit breaker: keeps requests away from a backend that has failed several times in a row.
//!
//! [`CircuitBreaker`] contains the settings. [`Breaker`] is a live breaker.

mod change;
mod circuit;
mod closed;
mod elsewhere;
mod identity;
mod info;
mod live;
mod open;
mod permit;
mod rules;
mod settings;
#[cfg(test)]
mod tests;
mod word;

pub use change::Change;
pub(crate) use identity::Identity;
pub use info::{Info, State};
pub use live::Breaker;
pub(crate) use permit::{Entry, Permit};
pub use settings::CircuitBreaker;

/// Converts a time of the clock, in microseconds since the Unix epoch. Returns `None` if the system cannot
/// represent it.
fn time(micros: u64) -> Option<std::time::SystemTime> {
    std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_micros(micros))
}
