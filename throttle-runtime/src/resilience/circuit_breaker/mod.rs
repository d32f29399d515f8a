//! A circuit breaker: keeps requests away from a backend that has failed several times in a row.
//!
//! [`CircuitBreaker`] contains the settings. [`Breaker`] is a live breaker.
//!
//! A breaker is checked before its backend is called. If the breaker is closed, the check is one atomic load.
//! Each registry has its own breakers.

mod breaker;
mod circuit;
mod closed;
mod config;
mod identity;
mod info;
mod open;
mod packed_state;
mod permission;
mod remote_opening;
mod state;
#[cfg(test)]
mod tests;
mod thresholds;

pub use breaker::Breaker;
pub use config::CircuitBreaker;
pub(crate) use identity::Identity;
pub use info::{Snapshot, State};
pub(crate) use permission::{Entry, Permission};
pub use state::Transition;

/// Converts a time of the clock, in microseconds since the Unix epoch. Returns `None` if the system cannot
/// represent it.
fn time(micros: u64) -> Option<std::time::SystemTime> {
    std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_micros(micros))
}
