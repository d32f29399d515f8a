//! Parses the reply of the server to a call for several requests.

use std::time::Instant;

use redis::Value;
use smallvec::SmallVec;

use super::call::{Call, Job};
use crate::backend::redis::codec;
use crate::backend::redis::codec::bytes;
use crate::backend::redis::request::States;
use crate::strategy::State;

/// The result for one request.
pub(in crate::backend::redis) struct Answer {
    pub(in crate::backend::redis) ruling: Ruling,
    /// The states that the request found, one for each of its names.
    pub(in crate::backend::redis) states: States,
    /// The time of the decision.
    pub(in crate::backend::redis) at: u64,
    /// When the server was called, by the clock of this process.
    pub(in crate::backend::redis) asked: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::backend::redis) enum Ruling {
    Fits,
    DoesNotFit,
    /// A number was too large.
    Unknown,
    /// A decision over several hash slots holds one of the states.
    Held,
}

/// Parses the reply to a call into one result for each request. Returns `None` if the reply is malformed.
pub(in crate::backend::redis) fn read(
    said: &Value,
    jobs: &[Job],
    call: &Call<'_>,
    asked: Instant,
) -> Option<Vec<Answer>> {
    let (said, each) = match said {
        Value::BulkString(said) => (said, None),
        Value::Array(said) => match said.split_first()? {
            (Value::BulkString(said), each) => (said, Some(each)),
            _ => return None,
        },
        _ => return None,
    };
    let (at, said) = said.split_first_chunk()?;
    let (refusals, said) = said.split_first_chunk()?;
    let (at, refusals) = (u64::from_be_bytes(*at), usize::from(u16::from_be_bytes(*refusals)));
    let (refused, said) = said.split_at_checked(refusals * REFUSAL)?;
    let found = match each {
        None => Found::Words(said.as_chunks::<16>().0),
        Some(each) => Found::Values(each),
    };
    let mut refused = refused.as_chunks::<REFUSAL>().0.iter().peekable();
    let (mut keys, mut number) = (call.keys().iter().copied(), 0_u16);
    // Whether an earlier request has changed a state. If so, the state that this request found follows all
    // others.
    let (mut changed, mut next) = (vec![false; call.names()], call.names());
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        number += 1;
        let is_next = |refused: &&[u8; REFUSAL]| refused[1..] == number.to_be_bytes();
        let ruling = match refused.next_if(is_next) {
            None => Ruling::Fits,
            Some([1, ..]) => Ruling::DoesNotFit,
            Some([2, ..]) => Ruling::Unknown,
            Some([3, ..]) => Ruling::Held,
            Some(_) => return None,
        };
        let own: SmallVec<[usize; 8]> = keys.by_ref().take(job.len()).collect();
        let mut states: States = job.names().map(|_| State::EMPTY).collect();
        // Two limits with one state have found the same state.
        for (&key, name) in own.iter().zip(job.names_of_limits()) {
            states[name] = found.get(if changed[key] { next } else { key })?;
            next += usize::from(changed[key]);
        }
        if ruling == Ruling::Fits && job.takes() {
            own.into_iter().for_each(|key| changed[key] = true);
        }
        answers.push(Answer { ruling, states, at, asked });
    }
    (refused.next().is_none() && next == found.len()).then_some(answers)
}

/// The length of the entry for a request that does not fit: one byte for the reason, two for the number of the
/// request.
const REFUSAL: usize = 3;

/// The states of a reply. They are concatenated if all of them have two words.
enum Found<'a> {
    Words(&'a [[u8; 16]]),
    Values(&'a [Value]),
}

impl Found<'_> {
    const fn len(&self) -> usize {
        match self {
            Self::Words(words) => words.len(),
            Self::Values(values) => values.len(),
        }
    }

    fn get(&self, index: usize) -> Option<State> {
        match self {
            Self::Words(words) => words.get(index).map(|words| codec::decode(words)),
            Self::Values(values) => values.get(index).and_then(bytes).map(codec::decode),
        }
    }
}
