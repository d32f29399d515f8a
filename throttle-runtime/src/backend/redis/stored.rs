//! States as bytes: the words of a state one after the other, eight bytes each, the most significant first.

use crate::strategy::State;

/// The state that was stored. What cannot be one counts as nothing stored.
pub(super) fn decode(bytes: &[u8]) -> State {
    match bytes.as_chunks::<8>() {
        ([until, word, list @ ..], []) => {
            let list = list.iter().map(|word| u64::from_be_bytes(*word)).collect();
            State::new(u64::from_be_bytes(*until), u64::from_be_bytes(*word)).with_list(list)
        }
        _ => State::EMPTY,
    }
}

pub(super) fn encode(state: &State) -> Vec<u8> {
    let words = [state.until(), state.word()].into_iter().chain(state.list().iter().copied());
    words.flat_map(u64::to_be_bytes).collect()
}
