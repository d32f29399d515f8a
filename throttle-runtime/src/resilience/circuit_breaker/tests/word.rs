//! The parts of a word are independent.

use proptest::prelude::*;

use crate::resilience::circuit_breaker::packed_state::{PackedState, Phase};

const PHASES: [Phase; 4] = [Phase::Closed, Phase::Open, Phase::HalfOpen, Phase::Forced];
const GENERATIONS: u32 = 1 << 30;

fn word(phase: usize, generation: u32, failures: u32) -> PackedState {
    PackedState::healthy((generation + GENERATIONS - 1) % GENERATIONS).next(PHASES[phase], failures)
}

proptest! {
    #[test]
    fn each_part_is_what_was_put_in(phase in 0..4_usize, generation in 0..GENERATIONS, failures: u32, more: u32) {
        let word = word(phase, generation, failures);
        prop_assert_eq!((word.phase(), word.generation(), word.failures()), (PHASES[phase], generation, failures));
        prop_assert_eq!(word.with_failures(more).with_failures(failures), word);
        prop_assert_eq!(word.is_closed(), phase == 0);
    }
}

#[test]
fn generations_begin_again_after_the_last() {
    for phase in PHASES {
        let word = PackedState::healthy(GENERATIONS - 1).next(phase, u32::MAX);
        assert_eq!((word.phase(), word.generation(), word.failures()), (phase, 0, u32::MAX));
    }
    assert_eq!(PackedState::NEW, PackedState::healthy(0));
}
