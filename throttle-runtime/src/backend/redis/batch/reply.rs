//! Parses the reply of the server to a call for several requests.

use std::time::Instant;

use redis::Value;
use smallvec::SmallVec;

use super::call::{BatchCall, BatchEntry};
use crate::backend::redis::codec;
use crate::backend::redis::codec::stored_bytes;
use crate::backend::redis::request::States;
use crate::strategy::State;

/// The result for one request.
pub(in crate::backend::redis) struct EntryReply {
    pub(in crate::backend::redis) status: EntryStatus,
    /// The states that the request found, one for each of its keys.
    pub(in crate::backend::redis) states: States,
    /// The time of the decision.
    pub(in crate::backend::redis) at: u64,
    /// When the server was called, by the clock of this process.
    pub(in crate::backend::redis) sent_at: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::backend::redis) enum EntryStatus {
    Fits,
    DoesNotFit,
    /// A number was too large.
    TooLarge,
    /// A decision over several hash slots holds one of the states.
    Held,
}

/// Parses the reply to a call into one result for each request. Returns `None` if the reply is malformed.
pub(in crate::backend::redis) fn read(
    reply: &Value,
    entries: &[BatchEntry],
    call: &BatchCall<'_>,
    sent_at: Instant,
) -> Option<Vec<EntryReply>> {
    let (bytes, values) = match reply {
        Value::BulkString(bytes) => (bytes, None),
        Value::Array(parts) => match parts.split_first()? {
            (Value::BulkString(bytes), values) => (bytes, Some(values)),
            _ => return None,
        },
        _ => return None,
    };
    let (at, rest) = bytes.split_first_chunk()?;
    let (count, rest) = rest.split_first_chunk()?;
    let (at, count) = (u64::from_be_bytes(*at), usize::from(u16::from_be_bytes(*count)));
    let (exceptions, rest) = rest.split_at_checked(count * EXCEPTION_LENGTH)?;
    let stored = match values {
        None => ReplyStates::Words(rest.as_chunks::<16>().0),
        Some(values) => ReplyStates::Values(values),
    };
    let mut exceptions = exceptions.as_chunks::<EXCEPTION_LENGTH>().0.iter().peekable();
    let (mut keys, mut number) = (call.limit_keys().iter().copied(), 0_u16);
    // Whether an earlier request has changed a state. If so, the state that this request found follows all
    // others.
    let (mut changed, mut next) = (vec![false; call.key_count()], call.key_count());
    let mut replies = Vec::with_capacity(entries.len());
    for entry in entries {
        number += 1;
        let is_next = |exception: &&Exception| exception[1..] == number.to_be_bytes();
        let status = status(exceptions.next_if(is_next))?;
        let own: SmallVec<[usize; 8]> = keys.by_ref().take(entry.limit_count()).collect();
        let mut states: States = (0..entry.state_count()).map(|_| State::EMPTY).collect();
        // Two limits with one state have found the same state.
        for (&key, state) in own.iter().zip(entry.limit_states()) {
            states[state] = stored.get(if changed[key] { next } else { key })?;
            next += usize::from(changed[key]);
        }
        if status == EntryStatus::Fits && entry.charges() {
            own.into_iter().for_each(|key| changed[key] = true);
        }
        replies.push(EntryReply { status, states, at, sent_at });
    }
    (exceptions.next().is_none() && next == stored.len()).then_some(replies)
}

/// Returns the status of a request with this exception. `None` if the exception is malformed.
const fn status(exception: Option<&Exception>) -> Option<EntryStatus> {
    Some(match exception {
        None => EntryStatus::Fits,
        Some([1, ..]) => EntryStatus::DoesNotFit,
        Some([2, ..]) => EntryStatus::TooLarge,
        Some([3, ..]) => EntryStatus::Held,
        Some(_) => return None,
    })
}

/// The length of the entry for a request that does not fit, or is not decided: one byte for the reason, two for
/// the number of the request.
const EXCEPTION_LENGTH: usize = 3;

/// The entry for a request that does not fit, or is not decided.
type Exception = [u8; EXCEPTION_LENGTH];

/// The states of a reply. They are concatenated if all of them have two words.
enum ReplyStates<'a> {
    Words(&'a [[u8; 16]]),
    Values(&'a [Value]),
}

impl ReplyStates<'_> {
    const fn len(&self) -> usize {
        match self {
            Self::Words(words) => words.len(),
            Self::Values(values) => values.len(),
        }
    }

    fn get(&self, index: usize) -> Option<State> {
        match self {
            Self::Words(words) => words.get(index).map(|words| codec::decode(words)),
            Self::Values(values) => values.get(index).and_then(stored_bytes).map(codec::decode),
        }
    }
}
