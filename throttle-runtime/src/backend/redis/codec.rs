//! The encoding of states: the words of a state in sequence, eight bytes each, in big-endian order.
//!
//! During a decision over several hash slots, a hold follows each state: the end of the hold, eight bytes that
//! identify the holder, and one additional byte. Because of that byte, code that does not know about holds does
//! not read the value as a state.

use std::time::Duration;

use redis::Value;

use crate::rate::Rate;
use crate::strategy::State;
use crate::util::duration::micros;

/// The maximum time for which a state is held. After that, the holder counts as gone.
pub(super) const HOLD_DURATION: Duration = Duration::from_secs(1);

/// The maximum of [`expiry_granularity`], in seconds.
pub(super) const MAX_GRANULARITY: u64 = 60;

/// Returns the granularity of expiry times, in seconds: eight periods, at least one second and at most one
/// minute. A state is kept until a multiple of it.
///
/// Changing an expiry time costs a server as much as writing a state. The granularity makes such changes rare,
/// even if requests extend the state each time. The periods are part of the Redis key of a state, so every
/// reader knows the granularity.
pub(super) fn expiry_granularity(rate: Rate) -> u8 {
    let seconds = rate.period_micros().saturating_mul(8).div_ceil(1_000_000);
    u8::try_from(seconds.clamp(1, MAX_GRANULARITY)).unwrap_or(u8::MAX)
}

/// The length of a hold, in bytes.
const HOLD_LENGTH: usize = 17;

/// Returns the stored bytes; a missing key has none.
pub(super) fn stored_bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::Nil | Value::Boolean(false) => Some(&[]),
        _ => None,
    }
}

/// Decodes a stored state. Bytes that are not a state count as empty.
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

/// Whether a decision holds this value, at that time of the server.
pub(super) fn is_held(bytes: &[u8], now: u64) -> bool {
    let longest = micros(HOLD_DURATION);
    // A hold from before the server's clock stepped back is ignored.
    split(bytes).is_some_and(|(_, until)| until > now && until - now <= longest)
}

/// Splits a value into its state and the end of its hold.
fn split(bytes: &[u8]) -> Option<(&[u8], u64)> {
    let (state, hold) = bytes.split_at_checked(bytes.len().checked_sub(HOLD_LENGTH)?)?;
    let until = u64::from_be_bytes(*hold.first_chunk()?);
    (state.len() >= 16 && state.len().is_multiple_of(8)).then_some((state, until))
}
