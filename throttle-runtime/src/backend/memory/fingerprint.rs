//! An identity as 128 bits that nobody outside this process can predict.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::backend::Charge;

/// The secret of this process. Without it nobody can choose an identity that shares another's bucket.
pub(super) struct Secret(SipHasher13);

impl Secret {
    /// From the randomness that the standard library seeds its maps with.
    pub(super) fn random() -> Self {
        let random = || RandomState::new().build_hasher().finish();
        Self(SipHasher13::new_with_keys(random(), random()))
    }

    /// Strategies and periods keep their states apart: one cannot read what another stored.
    pub(super) fn fingerprint(&self, charge: &Charge<'_>) -> u128 {
        let mut hasher = self.0;
        for part in [charge.scope.as_bytes(), charge.strategy.name().as_bytes()] {
            hasher.write(part);
            // Texts hold no such byte, so no part can imitate the border of another.
            hasher.write_u8(0xff);
        }
        hasher.write_usize(charge.rates.len());
        charge.rates.iter().for_each(|rate| hasher.write_u64(rate.period_micros()));
        hasher.write(charge.key.as_bytes());
        hasher.finish128().as_u128()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
