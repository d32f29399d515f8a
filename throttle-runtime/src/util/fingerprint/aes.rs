//! A keyed 128-bit hash on the machine's AES instructions.
//!
//! The hash is a chain over blocks of 16 bytes. Each block is added to the state, which then passes four
//! rounds of AES under secret round keys. The last two blocks are processed in parallel under separate keys,
//! and their results are added.
//!
//! Two different blocks that were chosen without the keys give the same result with a probability of at most
//! 2^-113 (L. Keliher, J. Sui: Exact maximum expected differential and linear probability for two-round AES,
//! 2007). The hash is therefore almost universal, as in K. Minematsu, Y. Tsunoo: Provably secure MACs from
//! differentially-uniform permutations and AES-based implementations, 2006. Fingerprints never leave the
//! process, so they reveal nothing about the keys.
#![expect(unsafe_code, reason = "the instructions are behind a check at run time")]

use std::arch::x86_64::{
    __m128i, _mm_aesenc_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_unpackhi_epi64, _mm_xor_si128,
};

/// The secret round keys, on a machine that has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Cipher {
    chain: [__m128i; 4],
    last: [__m128i; 4],
}

impl Cipher {
    /// Returns `None` if the machine does not have the instructions.
    pub(super) fn new(chain: [u128; 4], last: [u128; 4]) -> Option<Self> {
        (cfg!(not(miri)) && std::arch::is_x86_feature_detected!("aes"))
            .then(|| Self { chain: chain.map(block), last: last.map(block) })
    }

    /// Returns the hash. Inputs of different lengths need different seeds, because a short input may have the
    /// same blocks as a longer one.
    #[inline]
    pub(super) fn hash(&self, seed: u128, bytes: &[u8]) -> u128 {
        // SAFETY: a `Cipher` is only created if the instructions were detected.
        unsafe { self.chain(seed, bytes) }
    }

    #[target_feature(enable = "aes")]
    #[inline]
    fn chain(&self, seed: u128, bytes: &[u8]) -> u128 {
        let mut state = block(seed);
        let mut rest = bytes;
        while rest.len() > 32
            && let Some((first, more)) = rest.split_first_chunk()
        {
            state = mix(_mm_xor_si128(state, block(u128::from_le_bytes(*first))), &self.chain);
            rest = more;
        }
        let (first, last) = ends(rest);
        state = mix(_mm_xor_si128(state, block(first)), &self.chain);
        state = _mm_xor_si128(state, mix(block(last), &self.last));
        let (low, high) = (_mm_cvtsi128_si64(state), _mm_cvtsi128_si64(_mm_unpackhi_epi64(state, state)));
        u128::from(high.cast_unsigned()) << 64 | u128::from(low.cast_unsigned())
    }
}

#[target_feature(enable = "aes")]
#[inline]
fn mix(block: __m128i, keys: &[__m128i; 4]) -> __m128i {
    keys.iter().fold(block, |state, key| _mm_aesenc_si128(state, *key))
}

/// Returns the first and the last 16 bytes of up to 32 bytes, which may overlap. With fewer than 16 bytes,
/// the first result is 0, and the second contains all bytes.
#[inline]
fn ends(rest: &[u8]) -> (u128, u128) {
    if let (Some(first), Some(last)) = (rest.first_chunk::<16>(), rest.last_chunk::<16>()) {
        (u128::from_le_bytes(*first), u128::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        (0, u128::from(u64::from_le_bytes(*first)) | u128::from(u64::from_le_bytes(*last)) << 64)
    } else if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        (0, u128::from(u32::from_le_bytes(*first)) | u128::from(u32::from_le_bytes(*last)) << 32)
    } else {
        (0, rest.iter().fold(0, |block, byte| block << 8 | u128::from(*byte)))
    }
}

#[inline]
fn block(bits: u128) -> __m128i {
    #[expect(clippy::cast_possible_truncation, reason = "the halves")]
    let (low, high) = (bits as u64, (bits >> 64) as u64);
    // SAFETY: the instruction is part of the baseline of this architecture.
    unsafe { _mm_set_epi64x(high.cast_signed(), low.cast_signed()) }
}

#[cfg(test)]
mod tests {
    use ::aes::Block;
    use ::aes::hazmat::cipher_round;
    use proptest::prelude::*;

    use super::{Cipher, ends};

    /// The hash, with the rounds of the crate `aes`.
    fn reference(chain: [u128; 4], last: [u128; 4], seed: u128, bytes: &[u8]) -> u128 {
        let mix = |bits: u128, keys: [u128; 4]| {
            let mut state: Block = bits.to_le_bytes().into();
            for key in keys {
                cipher_round(&mut state, &key.to_le_bytes().into());
            }
            u128::from_le_bytes(state.into())
        };
        let (mut state, mut rest) = (seed, bytes);
        while rest.len() > 32 {
            let (first, more) = rest.split_at(16);
            state = mix(state ^ u128::from_le_bytes(first.try_into().expect("16 bytes")), chain);
            rest = more;
        }
        let (first, end) = ends(rest);
        mix(state ^ first, chain) ^ mix(end, last)
    }

    proptest! {
        #[test]
        fn the_rounds_are_those_of_aes(
            chain: [u128; 4],
            last: [u128; 4],
            seed: u128,
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            if let Some(cipher) = Cipher::new(chain, last) {
                prop_assert_eq!(cipher.hash(seed, &bytes), reference(chain, last, seed, &bytes));
            }
        }
    }
}
