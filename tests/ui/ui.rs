//! The compiler's messages about mistakes, word for word. `tests/compiles/` contains code that compiles.
//!
//! `TRYBUILD=overwrite cargo test -p throttle-ui-tests` rewrites the messages. Read every message that changed.

#[test]
fn b004_b014_b037_b115_mistakes_are_named_where_they_are_made() {
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}

/// Functions with `#[throttle_message]`.
#[test]
fn ws_messages() {
    trybuild::TestCases::new().compile_fail("ws/fail/*.rs");
}
