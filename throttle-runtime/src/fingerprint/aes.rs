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
        let end = mix(block(last(rest)), &self.last);
        if let Some((first, 1..)) = rest.split_first_chunk().map(|(first, more)| (first, more.len())) {
            state = _mm_xor_si128(state, block(u128::from_le_bytes(*first)));
        }
        state = _mm_xor_si128(mix(state, &self.chain), end);
        let (low, high) = (_mm_cvtsi128_si64(state), _mm_cvtsi128_si64(_mm_unpackhi_epi64(state, state)));
        u128::from(high.cast_unsigned()) << 64 | u128::from(low.cast_unsigned())
    }
}

#[target_feature(enable = "aes")]
#[inline]
fn mix(block: __m128i, keys: &[__m128i; 4]) -> __m128i {
    keys.iter().fold(block, |state, key| _mm_aesenc_si128(state, *key))
}

/// The last block: 16 bytes, or for a short key its beginning and its end.
#[inline]
fn last(rest: &[u8]) -> u128 {
    if let Some(last) = rest.last_chunk() {
        u128::from_le_bytes(*last)
    } else if let (Some(first), Some(last)) = (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        u128::from(u64::from_le_bytes(*first)) | u128::from(u64::from_le_bytes(*last)) << 64
    } else if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        u128::from(u32::from_le_bytes(*first)) | u128::from(u32::from_le_bytes(*last)) << 32
    } else {
        rest.iter().fold(0, |block, byte| block << 8 | u128::from(*byte))
    }
}

#[inline]
fn block(bits: u128) -> __m128i {
    #[expect(clippy::cast_possible_truncation, reason = "the halves")]
    let (low, high) = (bits as u64, (bits >> 64) as u64);
    // SAFETY: part of the baseline of this architecture.
    unsafe { _mm_set_epi64x(high.cast_signed(), low.cast_signed()) }
}
