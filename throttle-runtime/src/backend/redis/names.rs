//! Under which names states are kept.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::backend::Charge;

/// Where the states of a charge are: `namespace:{identity}:throttle:limit`.
///
/// All that clients can choose is in the identity, which is a digest: short, of harmless letters, and nobody's name
/// to whoever reads it. It alone decides about the slot of a cluster, so that the limits of all throttles of one
/// client are in one place.
pub(super) struct Names {
    prefix: String,
}

impl Names {
    pub(super) fn new(namespace: &str, charge: &Charge<'_>) -> Self {
        let identity = Sha256::digest(charge.key.as_bytes());
        let mut domain = Sha256::new();
        for part in [charge.scope, charge.strategy.name()] {
            domain.update(part);
            // Texts hold no such byte, so no part can imitate the border of another.
            domain.update([0xff]);
        }
        for rate in charge.rates {
            domain.update(rate.period_micros().to_be_bytes());
        }
        let (identity, domain) = (hex(&identity[..16]), hex(&domain.finalize()[..8]));
        Self { prefix: format!("{namespace}:{{{identity}}}:{domain}:") }
    }

    /// The name of the state of a limit.
    pub(super) fn of_limit(&self, index: usize) -> Arc<str> {
        format!("{}{index}", self.prefix).into()
    }
}

/// The pattern of all names in a namespace.
pub(super) fn pattern(namespace: &str) -> String {
    let mut pattern = String::new();
    for letter in namespace.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '^' | '-' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + ":{*"
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}
