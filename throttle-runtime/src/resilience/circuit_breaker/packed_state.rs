//! The state that requests read while a breaker is closed, packed into one word.

/// The phase, the generation and the number of failures.
///
/// Each change of phase begins a new generation. Its number identifies results that belong to an older
/// generation. The number repeats after about a billion changes; no request lives that long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PackedState(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Closed,
    Open,
    HalfOpen,
    /// Open until an operator closes the breaker.
    Forced,
}

/// Layout: the failures are in the lower 32 bits, the generation is above them, and the phase is in the top 2
/// bits.
const GENERATION: u32 = 32;
const PHASE: u32 = 62;

impl PackedState {
    /// A closed breaker without failures.
    pub(super) const NEW: Self = Self::new(Phase::Closed, 0, 0);

    const fn new(phase: Phase, generation: u32, failures: u32) -> Self {
        Self((phase as u64) << PHASE | (generation as u64) << GENERATION | failures as u64)
    }

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(super) const fn phase(self) -> Phase {
        match self.0 >> PHASE {
            0 => Phase::Closed,
            1 => Phase::Open,
            2 => Phase::HalfOpen,
            _ => Phase::Forced,
        }
    }

    #[inline]
    pub(super) const fn is_closed(self) -> bool {
        self.0 >> PHASE == Phase::Closed as u64
    }

    #[inline]
    pub(super) const fn generation(self) -> u32 {
        (self.0 << (u64::BITS - PHASE) >> (u64::BITS - PHASE + GENERATION)) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(super) const fn failures(self) -> u32 {
        self.0 as u32
    }

    /// A closed breaker of this generation without failures: the word that a request finds in normal operation.
    #[inline]
    pub(super) const fn healthy(generation: u32) -> Self {
        Self::new(Phase::Closed, generation, 0)
    }

    pub(super) const fn with_failures(self, failures: u32) -> Self {
        Self(self.0 >> GENERATION << GENERATION | failures as u64)
    }

    /// The next generation, in this phase.
    pub(super) const fn next(self, phase: Phase, failures: u32) -> Self {
        let generation = (self.generation() + 1) & (u32::MAX >> (u64::BITS - PHASE));
        Self::new(phase, generation, failures)
    }
}
