//! Throttles that are called from code, and the tools for tests. The tests start no server.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/faulty.rs"]
mod faulty;

mod conformance;
mod function;
mod peers;
mod plain_hits;
mod refunds;
mod statics;
mod testkit;
mod throttle;
mod transaction;

/// The tests of the example `testing`. If the example ran them itself, cargo would not build it as a program.
#[allow(dead_code, reason = "the program around them is run as a process")]
#[path = "../../examples/testing.rs"]
mod testing;
