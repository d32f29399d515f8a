//! The kit itself: it rejects every store and backend that is broken, and for the right reason.

#[path = "../dict/mod.rs"]
mod dict;

mod backends;
mod stores;

use throttle_runtime::testkit::Violation;

/// Whether that property is among what was found, and says this.
fn says(found: &[(&str, Violation)], property: &str, sentence: &str) {
    let violation = found.iter().find(|(name, _)| *name == property);
    let said = violation.map(|(_, violation)| violation.to_string());
    assert!(said.is_some_and(|said| said.contains(sentence)), "{property}: {sentence}\nfound {found:#?}");
}
