//! Fingerprints: identities as 128 bits that cannot be predicted outside of this process, and maps of them.
//!
//! The hash uses the AES instructions of `x86_64`. On all other machines, including `aarch64`, it is SipHash-1-3
//! with a result of 128 bits.

#[cfg(target_arch = "x86_64")]
mod aes;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::LazyLock;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::key::{Key, Parts};
use crate::rate::Rate;

/// The secret of this process. Without it, a client cannot choose an identity that shares the bucket of
/// another one.
static SECRET: LazyLock<Secret> = LazyLock::new(Secret::random);

/// A keyed hash of everything that separates the states of throttles: scope, strategy and periods.
///
/// It is computed once for a throttle whose rate is constant, so that a request only hashes its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Domain(u128);

impl Domain {
    pub(crate) fn new(scope: &str, strategy: &str, rates: &[Rate]) -> Self {
        let mut hasher = SECRET.sip;
        for part in [scope.as_bytes(), strategy.as_bytes()] {
            hasher.write(part);
            // This byte does not occur in UTF-8 text, so a part cannot imitate the end of another part.
            hasher.write_u8(0xff);
        }
        hasher.write_usize(rates.len());
        for rate in rates {
            hasher.write_u64(rate.period_micros());
        }
        Self(hasher.finish128().as_u128())
    }
}

/// Hashes keys under the secret.
#[derive(Clone, Copy)]
pub struct Secret {
    sip: SipHasher13,
    #[cfg(target_arch = "x86_64")]
    aes: Option<aes::Cipher>,
}

impl Secret {
    /// Returns the secret of this process.
    pub fn of_process() -> &'static Self {
        &SECRET
    }

    /// Creates a secret from the random numbers of the operating system.
    fn random() -> Self {
        Self {
            sip: SipHasher13::new_with_keys(random(), random()),
            #[cfg(target_arch = "x86_64")]
            aes: aes::Cipher::new(std::array::from_fn(|_| block()), std::array::from_fn(|_| block())),
        }
    }

    /// Returns the same secret without the use of the machine's AES instructions.
    #[must_use]
    pub const fn portable(self) -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            aes: None,
            ..self
        }
    }

    /// Returns the fingerprint of a key in a domain.
    pub(crate) fn fingerprint(&self, domain: Domain, key: &Key) -> u128 {
        self.fingerprint_of(domain, key.split())
    }

    /// Returns the fingerprint of a key, which is given as its first byte and the remaining bytes.
    #[inline]
    pub(crate) fn fingerprint_of(&self, domain: Domain, (first, rest): Parts<'_>) -> u128 {
        // The length distinguishes keys whose last blocks overlap.
        let shape = (rest.len() as u64) << 16 | first.map_or(0xffff, u64::from);
        self.hash(domain.0 ^ u128::from(shape), rest)
    }

    /// Returns the hash, for `throttle-bench`. Byte strings of different lengths need different seeds.
    #[inline]
    pub fn hash(&self, seed: u128, bytes: &[u8]) -> u128 {
        #[cfg(target_arch = "x86_64")]
        if let Some(aes) = &self.aes {
            return aes.hash(seed, bytes);
        }
        self.siphash(seed, bytes)
    }

    fn siphash(&self, seed: u128, bytes: &[u8]) -> u128 {
        let mut hasher = self.sip;
        hasher.write_u128(seed);
        hasher.write(bytes);
        hasher.finish128().as_u128()
    }
}

/// Returns a random number of the operating system. If the system has none, such as early at boot, the number is
/// from the seed of the standard library's maps.
fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| RandomState::new().build_hasher().finish())
}

#[cfg(target_arch = "x86_64")]
fn block() -> u128 {
    u128::from(random()) << 64 | u128::from(random())
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A map from the fingerprints of identities to values.
pub(crate) type Map<V> = HashMap<u128, V, BuildHasherDefault<AsItIs>>;

/// A hasher for keys that are already hashes. Clients cannot choose fingerprints, so fingerprints need no
/// further hashing.
#[derive(Debug, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    /// Half of the fingerprint is enough to find an entry.
    fn write_u128(&mut self, fingerprint: u128) {
        self.0 = (fingerprint >> 64) as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Domain, Key, Secret};
    use crate::strategy::{FixedWindow, Gcra, Strategy};
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    fn domain(scope: &str, strategy: &dyn Strategy, rate: &str) -> Domain {
        Domain::new(scope, strategy.name(), &rate.parse::<crate::rate::Rates>().expect("rates"))
    }

    #[test]
    fn scopes_strategies_and_periods_are_kept_apart() {
        let one = domain("a", &FixedWindow, "1/s");
        assert_eq!(one, domain("a", &FixedWindow, "2/s"), "a new limit carries on");
        for other in [
            domain("b", &FixedWindow, "1/s"),
            domain("a", &Gcra::new(), "1/s"),
            domain("a", &FixedWindow, "1/min"),
            domain("a", &FixedWindow, "1/s, 1/min"),
        ] {
            assert_ne!(one, other);
            let secret = Secret::of_process();
            assert_ne!(secret.fingerprint(one, &"k".into()), secret.fingerprint(other, &"k".into()));
        }
    }

    proptest! {
        #[test]
        fn different_keys_have_different_fingerprints(a: Vec<u8>, b: Vec<u8>) {
            let one = domain("a", &FixedWindow, "1/s");
            for secret in [*Secret::of_process(), Secret::of_process().portable()] {
                let (x, y) = (secret.fingerprint(one, &Key::new(&a)), secret.fingerprint(one, &Key::new(&b)));
                prop_assert_eq!(a == b, x == y);
                prop_assert_eq!(a == b, (x >> 64) == (y >> 64), "halves stand alone");
            }
        }

        /// Every bit of a key changes about half of the bits of the fingerprint.
        #[test]
        fn a_bit_of_the_key_changes_half_of_the_fingerprint(
            key in prop::collection::vec(any::<u8>(), 1..100),
            bit: prop::sample::Index,
        ) {
            let mut other = key.clone();
            let bit = bit.index(key.len() * 8);
            other[bit / 8] ^= 1 << (bit % 8);
            let one = domain("a", &FixedWindow, "1/s");
            for secret in [*Secret::of_process(), Secret::of_process().portable()] {
                let changed = secret.fingerprint(one, &Key::new(&key)) ^ secret.fingerprint(one, &Key::new(&other));
                prop_assert!((30..=98).contains(&changed.count_ones()), "{changed:0128b}");
            }
        }
    }
}
