//! The kit itself: it rejects every broken store and backend, for the right reason.

#[path = "../dict/mod.rs"]
mod dict;

mod backends;
mod stores;

use throttle_runtime::testkit::Violation;

/// Checks that the property was violated, and that its violation contains the sentence.
fn says(found: &[(&str, Violation)], property: &str, sentence: &str) {
    let violation = found.iter().find(|(name, _)| *name == property);
    let said = violation.map(|(_, violation)| violation.to_string());
    assert!(said.is_some_and(|said| said.contains(sentence)), "{property}: {sentence}\nfound {found:#?}");
}
