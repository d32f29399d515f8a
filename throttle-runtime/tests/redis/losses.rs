//! The events about boards on this thread.

use tracing::Level;

#[path = "../../src/util/events.rs"]
mod events;

pub(crate) use events::listen;

/// Returns how often the loss of a board was logged, and how often its return.
pub(crate) fn losses() -> (usize, usize) {
    let count = |level, said| events::seen(level).iter().filter(|line| line.contains(said)).count();
    (count(Level::WARN, "no longer shared"), count(Level::INFO, "shared again"))
}
