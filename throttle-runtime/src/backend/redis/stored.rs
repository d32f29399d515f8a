//! States as bytes: the words of a state one after the other, eight bytes each, the most significant first.
//!
//! While a decision about states in several places is made, each of them is followed by until when it is held, eight
//! bytes by which the holder knows it, and one more, so that it is no state to whoever knows nothing of that.

use std::time::Duration;

use crate::Rate;
use crate::strategy::State;

/// How long a state is held at most: then its holder is gone.
pub(super) const HOLD: Duration = Duration::from_secs(1);

/// The longest [`span`], in seconds.
pub(super) const LONGEST_SPAN: u64 = 60;

/// A state is kept until a multiple of so many seconds: eight periods, but a second at least and a minute at most.
///
/// An end costs a server as much as a state, so it is to be another one seldom, also where requests move it each time.
/// The periods are in the name of a state, so whoever finds an end knows by what it was rounded.
pub(super) fn span(rate: Rate) -> u8 {
    let seconds = rate.period_micros().saturating_mul(8).div_ceil(1_000_000);
    u8::try_from(seconds.clamp(1, LONGEST_SPAN)).unwrap_or(u8::MAX)
}

/// The bytes of a hold.
const MARK: usize = 17;

/// The state that was stored. What cannot be one counts as nothing stored.
pub(super) fn decode(bytes: &[u8]) -> State {
    let bytes = split(bytes).map_or(bytes, |(state, _)| state);
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

/// Whether a decision holds what was stored, at that time of the server.
pub(super) fn is_held(bytes: &[u8], now: u64) -> bool {
    let longest = u64::try_from(HOLD.as_micros()).unwrap_or(u64::MAX);
    // Not of a clock that has stepped back since.
    split(bytes).is_some_and(|(_, until)| until > now && until - now <= longest)
}

/// A state, and until when it is held.
fn split(bytes: &[u8]) -> Option<(&[u8], u64)> {
    let (state, mark) = bytes.split_at_checked(bytes.len().checked_sub(MARK)?)?;
    let until = u64::from_be_bytes(*mark.first_chunk()?);
    (state.len() >= 16 && state.len().is_multiple_of(8)).then_some((state, until))
}
