//! Failures of a backend: `on_error`, retries, fallbacks and circuit breakers. The tests start no server.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/faulty.rs"]
mod faulty;

mod failover;
mod late;
mod on_error;
mod recovery;
