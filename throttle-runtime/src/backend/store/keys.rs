//! The keys of values in a store: short, with a restricted set of characters, and without personal data.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::backend::Charge;

/// The maximum length of a namespace that is written unchanged.
const LONGEST: usize = 64;

/// Returns the prefix of all keys of a namespace. No key of another namespace begins with it.
pub(super) fn prefix(namespace: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if namespace.len() <= LONGEST && namespace.bytes().all(is_plain) {
        format!("{namespace}:")
    } else {
        format!("{}:", hex(&Sha256::digest(namespace)))
    }
}

/// Returns the key of an identity's record: a digest of scope, strategy, periods and key. A digest is needed
/// because clients can choose keys of any content, and keys may be personal data.
pub(super) fn of(prefix: &str, charge: &Charge<'_>) -> String {
    let mut hasher = Sha256::new();
    for part in [charge.scope.as_bytes(), charge.strategy.name().as_bytes()] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.update((charge.rates.len() as u64).to_be_bytes());
    for rate in charge.rates {
        hasher.update(rate.period_micros().to_be_bytes());
    }
    hasher.update(charge.key.as_bytes());
    format!("{prefix}{}", hex(&hasher.finalize()))
}

/// Returns the key of a shared value. No record has this key, because after the prefix the keys of records
/// contain only hexadecimal digits.
pub(super) fn of_word(prefix: &str, name: &str) -> String {
    format!("{prefix}board:{}", hex(&Sha256::digest(name)))
}

/// Returns the key of the mark that a reset of a counter leaves.
pub(super) fn mark(name: &str) -> String {
    format!("{name}:mark")
}

/// Returns the key of the mark that a reset of a whole namespace leaves. It is outside of every namespace, so
/// that resets do not delete it.
pub(super) fn of_reset(prefix: &str) -> String {
    format!("{}#reset", prefix.trim_end_matches(':'))
}

/// Returns the key of a record's lock.
pub(super) fn lock(name: &str) -> String {
    format!("{name}:lock")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;
    use crate::rate::Rates;
    use crate::strategy::{FixedWindow, Gcra, Strategy};

    fn name(scope: &str, key: &Key, strategy: &dyn Strategy, rates: &str) -> String {
        let rates: Rates = rates.parse().expect("rates");
        of("p:", &Charge::new(scope, key, strategy, &rates, 1))
    }

    #[test]
    fn b080_everything_that_tells_identities_apart_is_in_the_name() {
        let key = Key::from("a");
        let one = name("s", &key, &FixedWindow, "1/s");
        assert_eq!(one, name("s", &key, &FixedWindow, "2/s"), "a new limit carries on");
        for other in [
            name("t", &key, &FixedWindow, "1/s"),
            name("s", &"b".into(), &FixedWindow, "1/s"),
            name("s", &key, &Gcra::new(), "1/s"),
            name("s", &key, &FixedWindow, "1/min"),
            name("s", &key, &FixedWindow, "1/s, 1/min"),
        ] {
            assert_ne!(one, other);
            assert_eq!(one.len(), other.len());
        }
    }

    #[test]
    fn a_word_has_the_key_of_nothing_else() {
        let record = name("s", &Key::from("a"), &FixedWindow, "1/s");
        let words = ["", "a", "s", &record].map(|name| of_word("p:", name));
        for (i, one) in words.iter().enumerate() {
            assert!(one.starts_with("p:") && *one != record && *one != lock(&record), "{one}");
            assert!(words.iter().enumerate().all(|(j, other)| i == j || one != other), "{one}");
        }
    }

    #[test]
    fn b074_no_namespace_begins_with_another() {
        let long = "x".repeat(100);
        let namespaces = ["", "a", "a:", "a:b", "a%", "a_", "ab", "ä", "a b", "a*", &long, &long[..99]];
        let prefixes = namespaces.map(prefix);
        for (i, one) in prefixes.iter().enumerate() {
            assert!(one.len() <= 65 && one.is_ascii(), "{one}");
            assert!(!prefixes.iter().any(|other| of_reset(one).starts_with(other)), "{one}");
            assert!(!prefixes.iter().enumerate().any(|(j, other)| i != j && other.starts_with(one)), "{one}");
        }
    }
}
