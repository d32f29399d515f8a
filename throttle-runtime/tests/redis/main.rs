//! The Redis backend on real servers.

#![cfg(feature = "redis")]

mod any_state;
mod decisions;
mod differential;
mod failures;
mod model;
mod server;
#[expect(dead_code, reason = "some of it is for tests without a server")]
#[path = "../strategies/common.rs"]
mod strategies;
