//! The maximum number of states, and the maximum bytes of states and of the sketches of evicted states.

/// The bounds of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The maximum number of states.
    pub(super) keys: usize,
    /// The maximum bytes of pages and lists.
    pub(super) states: usize,
    /// The maximum bytes of sketches.
    pub(super) sketches: usize,
}

/// The default of `max_keys`.
const KEYS: usize = 1_000_000;
const LEAST_KEYS: usize = 64;

/// Bytes for each of `max_keys` if `max_bytes` is not set. A state takes up to 48 bytes, its sketch takes up
/// to 48, and the rest is for lists.
const PER_KEY: usize = 256;
const LEAST_DEFAULT: usize = 16 << 20;
const LEAST_BYTES: usize = 1 << 20;

/// Bytes for each key if only `max_bytes` is set.
const OF_BYTES: usize = 128;

/// Bytes of a state in a full page.
const STATE: usize = 24;

/// Bytes of sketches for each of `max_keys`.
const SKETCHES: usize = 48;
const LEAST_SKETCHES: usize = 2 << 20;

/// Exceptions may take one part in `BESIDE` of the bytes of the sketches, in addition to them.
const BESIDE: usize = 4;

impl Bounds {
    /// Computes the bounds of a backend with these settings.
    pub(super) fn new(max_keys: Option<usize>, max_bytes: Option<usize>) -> Self {
        let default = max_keys.map_or(PER_KEY * KEYS, |keys| keys.saturating_mul(PER_KEY)).max(LEAST_DEFAULT);
        let bytes = max_bytes.unwrap_or(default).max(LEAST_BYTES);
        let keys = max_keys.unwrap_or(if max_bytes.is_some() { bytes / OF_BYTES } else { KEYS });
        // The bytes hold no more states than this, and the index of pages takes memory for each of them.
        let keys = keys.min(bytes / STATE).max(LEAST_KEYS);
        let sketches = keys.saturating_mul(SKETCHES).max(LEAST_SKETCHES).min(bytes / 8 * 3);
        Self { keys, states: bytes - sketches - beside(sketches), sketches }
    }
}

/// Returns the bytes that exceptions may take in addition to `sketches` bytes of sketches.
const fn beside(sketches: usize) -> usize {
    sketches / BESIDE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_follows_from_what_is() {
        let all = |bounds: Bounds| bounds.states + bounds.sketches + beside(bounds.sketches);
        let (keys, bytes) = (|keys| Bounds::new(Some(keys), None), |bytes| Bounds::new(None, Some(bytes)));
        assert_eq!(Bounds::new(None, None), keys(1_000_000));
        assert_eq!((keys(10).keys, all(keys(10))), (64, 16 << 20));
        assert_eq!((keys(10_000_000).keys, all(keys(10_000_000))), (10_000_000, 2_560_000_000));
        assert_eq!((bytes(128 << 20).keys, all(bytes(128 << 20))), (1 << 20, 128 << 20));
        assert_eq!((bytes(0).keys, all(bytes(0))), (1 << 13, 1 << 20));
        let both = Bounds::new(Some(usize::MAX), Some(1 << 20));
        assert_eq!((both.keys, all(both)), ((1 << 20) / STATE, 1 << 20));
        assert_eq!(Bounds::new(Some(usize::MAX), None).keys, usize::MAX / STATE);
    }
}
