//! What the compiler says about mistakes, word by word. `compiles/` has what compiles.
//!
//! `TRYBUILD=overwrite cargo test --test ui` writes the messages anew: read every one that changed.

#[test]
fn b004_b014_b037_b115_mistakes_are_named_where_they_are_made() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}

/// Functions with `#[throttle_message]`.
#[cfg(feature = "ws")]
#[test]
fn ws_messages() {
    trybuild::TestCases::new().compile_fail("tests/ui/ws/fail/*.rs");
}
