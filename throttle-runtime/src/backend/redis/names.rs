//! Under which names states are kept.

use std::sync::Arc;

use itoa::Buffer;
use sha2::{Digest, Sha256};

use crate::Key;
use crate::backend::{Charge, Place};

/// Where the states of a charge are: `namespace:{identity}:throttle:limit`.
///
/// All that clients can choose is in the identity, which is a digest: short, of harmless letters, and nobody's name
/// to whoever reads it. It alone decides about the slot of a cluster, so that the limits of all throttles of one
/// client are in one place.
pub(super) struct Names {
    /// All that the names have in common.
    start: String,
    common: usize,
}

impl Names {
    pub(super) fn new(namespace: &str, charge: &Charge<'_>) -> Self {
        let mut domain = Sha256::new();
        for part in [charge.scope, charge.strategy.name()] {
            domain.update(part);
            // Texts hold no such byte, so no part can imitate the border of another.
            domain.update([0xff]);
        }
        for rate in charge.rates {
            domain.update(rate.period_micros().to_be_bytes());
        }
        let mut start = String::with_capacity(namespace.len() + 56);
        start.push_str(namespace);
        push_identity(&mut start, charge.key);
        push_hex(&mut start, &domain.finalize()[..8]);
        start.push(':');
        Self { common: start.len(), start }
    }

    /// The name of the state of a limit.
    pub(super) fn of_limit(&mut self, index: usize) -> Arc<str> {
        self.start.truncate(self.common);
        self.start.push_str(Buffer::new().format(index));
        self.start.as_str().into()
    }

    /// The name of an idempotency token.
    pub(super) fn of_token(&mut self, token: u64) -> Arc<str> {
        self.start.truncate(self.common);
        self.start.push('t');
        push_hex(&mut self.start, &token.to_be_bytes());
        self.start.as_str().into()
    }
}

/// The name of the mark that the last reset of all identities has left, which resets do not remove.
pub(super) fn of_reset(namespace: &str) -> Arc<str> {
    format!("{namespace}:reset").into()
}

/// Where those are who are in flight: `namespace:places:{identity}:throttle`, on the same node of a cluster as the states, and
/// not among what a reset forgets.
pub(super) fn of_places(namespace: &str, place: &Place<'_>) -> String {
    let mut name = String::with_capacity(namespace.len() + 64);
    name.push_str(namespace);
    name.push_str(":places");
    push_identity(&mut name, place.key);
    push_hex(&mut name, &Sha256::digest(place.scope)[..8]);
    name
}

fn push_identity(text: &mut String, key: &Key) {
    text.push_str(":{");
    push_hex(text, &Sha256::digest(key.as_bytes())[..16]);
    text.push_str("}:");
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
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    text
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 0xf)].into());
    }
}
