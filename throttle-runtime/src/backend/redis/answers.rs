//! What the server says to the requests of a batch.

use std::time::Instant;

use redis::Value;

use super::engine::bytes;
use super::failure::nonsense;
use super::job::Job;
use super::question::{Question, States};
use super::stored;
use crate::BackendError;
use crate::strategy::State;

pub(super) struct Answers {
    /// When the server was asked, by the clock of this process.
    pub(super) asked: Instant,
    /// The time of the decisions.
    pub(super) at: u64,
    rulings: Vec<u8>,
    /// The states that the requests found, one for each limit.
    states: Vec<Value>,
    /// Where a request's ruling and the first of its states are.
    places: Vec<(usize, usize)>,
}

/// What a script said about a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ruling {
    Fits,
    DoesNotFit,
    /// A number was too large.
    Unknown,
}

impl Answers {
    /// What the script said to these requests, of which some gave up before they were sent.
    pub(super) fn read(asked: Instant, jobs: &[Option<Job>], answer: Value) -> Option<Self> {
        let Value::Array(mut states) = answer else { return None };
        let head = (states.len() >= 2).then(|| states.drain(..2))?;
        let Ok([Value::Int(at), Value::BulkString(rulings)]) =
            <[Value; 2]>::try_from(head.collect::<Vec<_>>())
        else {
            return None;
        };
        let mut next = (0, 0);
        let place = |job: &Option<Job>| {
            let place = next;
            if let Some(job) = job {
                next = (next.0 + 1, next.1 + job.len());
            }
            place
        };
        let places = jobs.iter().map(place).collect();
        let complete = (rulings.len(), states.len()) == next;
        complete.then_some(Self { asked, at: u64::try_from(at).ok()?, rulings, states, places })
    }

    /// The ruling on the request with this number in its batch, and the states that it is about.
    pub(super) fn of(
        &self,
        number: usize,
        question: &Question<'_>,
    ) -> Result<(Ruling, States), BackendError> {
        self.find(number, question).ok_or_else(nonsense)
    }

    fn find(&self, number: usize, question: &Question<'_>) -> Option<(Ruling, States)> {
        let &(ruling, first) = self.places.get(number)?;
        let ruling = match self.rulings.get(ruling)? {
            b'1' => Ruling::Fits,
            b'0' => Ruling::DoesNotFit,
            _ => Ruling::Unknown,
        };
        let mut states: States = question.names.iter().map(|_| State::EMPTY).collect();
        let found = self.states.get(first..first + question.limits.len())?;
        // Two limits with one state have found the same.
        for (limit, state) in question.limits.iter().zip(found) {
            states[limit.name] = stored::decode(bytes(state)?);
        }
        Some((ruling, states))
    }
}
