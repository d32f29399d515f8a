//! Runs the tests of the example `testing`. If the example ran them itself, cargo would not build it as a
//! program.

#![allow(dead_code, reason = "the program around them is run as a process")]

#[path = "../examples/testing.rs"]
mod testing;
