//! A keyed 128-bit hash on the machine's AES instructions.
//!
//! A chain over blocks of 16 bytes: each is added to the state, which then passes four rounds of AES under
//! secret round keys. The last two blocks pass theirs side by side, under keys of their own, and are added. No
//! two blocks that differ in a way chosen without the keys come out alike with a probability above 2^-113
//! (L. Keliher, J. Sui: Exact maximum expected differential and linear probability for two-round AES, 2007),
//! which makes this an almost universal hash, as in K. Minematsu, Y. Tsunoo: Provably secure MACs from
//! differentially-uniform permutations and AES-based implementations, 2006. Nobody sees a fingerprint, so
//! nobody learns anything of the keys from one.
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
    /// `None` if the machine does not have the instructions.
    pub(super) fn new(chain: [u128; 4], last: [u128; 4]) -> Option<Self> {
        (cfg!(not(miri)) && std::arch::is_x86_feature_detected!("aes"))
            .then(|| Self { chain: chain.map(block), last: last.map(block) })
    }

    /// Seeds of inputs of different lengths have to differ: short inputs are not told apart from longer ones.
    #[inline]
    pub(super) fn hash(&self, seed: u128, bytes: &[u8]) -> u128 {
        // SAFETY: a `Cipher` is only made where the instructions were detected.
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

/// The first and the last 16 of up to 32 bytes, which may overlap; of fewer than 16 it is nothing and all of them.
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
    // SAFETY: part of the baseline of this architecture.
    unsafe { _mm_set_epi64x(high.cast_signed(), low.cast_signed()) }
}
