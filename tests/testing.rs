//! The tests that the example `testing` shows: where it ran them itself it would be built as no program.

#![allow(dead_code, reason = "the program around them is run as a process")]

#[path = "../examples/testing.rs"]
mod testing;
