//! The Redis keys of states.

use std::sync::Arc;

use itoa::Buffer;
use sha2::{Digest, Sha256};

use crate::backend::{Charge, PermitRequest};
use crate::key::Key;

/// The Redis keys of the states of a charge: `namespace:{identity}:throttle:limit`.
///
/// Everything that clients can choose is in the identity, which is a digest: it is short, contains only
/// harmless characters, and does not reveal the client. Only the identity determines the hash slot on a
/// cluster, so the limits of all throttles of one client are in one hash slot.
pub(super) struct Keys {
    /// The common prefix of the keys, and the end of the last key.
    buffer: String,
    prefix_length: usize,
}

impl Keys {
    pub(super) fn new(namespace: &str, charge: &Charge<'_>) -> Self {
        let mut domain = Sha256::new();
        for part in [charge.scope, charge.strategy.name()] {
            domain.update(part);
            // Texts do not contain this byte, so no part can imitate the end of another part.
            domain.update([0xff]);
        }
        for rate in charge.rates {
            domain.update(rate.period_micros().to_be_bytes());
        }
        let mut buffer = String::with_capacity(namespace.len() + 56);
        buffer.push_str(namespace);
        push_identity(&mut buffer, charge.key);
        push_hex(&mut buffer, &domain.finalize()[..8]);
        buffer.push(':');
        Self { prefix_length: buffer.len(), buffer }
    }

    /// Returns the Redis key of the state of a limit.
    pub(super) fn of_limit(&mut self, index: usize) -> Arc<str> {
        self.buffer.truncate(self.prefix_length);
        self.buffer.push_str(Buffer::new().format(index));
        self.buffer.as_str().into()
    }

    /// Returns the Redis key of an idempotency token.
    pub(super) fn of_token(&mut self, token: u64) -> Arc<str> {
        self.buffer.truncate(self.prefix_length);
        self.buffer.push('t');
        push_hex(&mut self.buffer, &token.to_be_bytes());
        self.buffer.as_str().into()
    }
}

/// Returns the Redis key of the mark of the last reset of all identities. Resets do not delete it.
pub(super) fn global_reset_mark(namespace: &str) -> Arc<str> {
    format!("{namespace}:reset").into()
}

/// Returns the Redis key of the requests in flight: `namespace:places:{identity}:throttle`. It is on the same
/// node of a cluster as the states. A reset does not delete it.
pub(super) fn concurrency(namespace: &str, place: &PermitRequest<'_>) -> String {
    let mut key = String::with_capacity(namespace.len() + 64);
    key.push_str(namespace);
    key.push_str(":places");
    push_identity(&mut key, place.key);
    push_hex(&mut key, &Sha256::digest(place.scope)[..8]);
    key
}

fn push_identity(text: &mut String, key: &Key) {
    text.push_str(":{");
    push_hex(text, &Sha256::digest(key.as_bytes())[..16]);
    text.push_str("}:");
}

/// Returns the pattern of the Redis keys of all states in a namespace.
pub(super) fn scan_pattern(namespace: &str) -> String {
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
