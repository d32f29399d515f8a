//! All that requests decide on while a breaker is closed, in one word.

/// The phase, the generation and the failures so far.
///
/// Each change of phase begins a new generation, so what belongs to an older one is known by its number. The
/// number comes back after a billion changes, which no request outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Closed,
    Open,
    HalfOpen,
    /// Open until somebody closes it.
    Forced,
}

/// The failures are in the lower half, the generation and then the phase above them.
const GENERATION: u32 = 32;
const PHASE: u32 = 62;

impl Word {
    /// A closed breaker that has not seen a failure.
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

    /// Closed in that generation, without a failure: what a healthy request finds.
    #[inline]
    pub(super) const fn healthy(generation: u32) -> Self {
        Self::new(Phase::Closed, generation, 0)
    }

    pub(super) const fn with_failures(self, failures: u32) -> Self {
        Self(self.0 >> GENERATION << GENERATION | failures as u64)
    }

    /// The next generation, in that phase.
    pub(super) const fn next(self, phase: Phase, failures: u32) -> Self {
        let generation = (self.generation() + 1) & (u32::MAX >> (u64::BITS - PHASE));
        Self::new(phase, generation, failures)
    }
}
