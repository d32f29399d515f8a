//! A circuit breaker: leaves a backend alone that has failed several times in a row.
//!
//! [`CircuitBreaker`] says when it opens and closes; [`Breaker`] is a live one.

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

/// A time of the clock, in microseconds since the Unix epoch, where the system can express it.
fn time(micros: u64) -> Option<std::time::SystemTime> {
    std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_micros(micros))
}
