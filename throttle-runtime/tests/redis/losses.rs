//! What this thread has heard of boards.

use tracing::Level;

#[path = "../events/mod.rs"]
mod events;

pub(crate) use events::listen;

/// How often it was said that a board is lost, and that one is back.
pub(crate) fn losses() -> (usize, usize) {
    let count = |level, said| events::seen(level).iter().filter(|line| line.contains(said)).count();
    (count(Level::WARN, "not shared any more"), count(Level::INFO, "shared again"))
}
