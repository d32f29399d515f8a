//! Decisions by compare-and-set: two round trips, and more if other processes write in between.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::Value;

use crate::backend::redis::backoff::step_aside;
use crate::backend::redis::codec::bytes;
use crate::backend::redis::engine::Engine;
use crate::backend::redis::errors::nonsense;
use crate::backend::redis::partition::Part;
use crate::backend::redis::request::{Question, States};
use crate::backend::redis::router::Servers;
use crate::backend::redis::scripts::{READ, WRITE};
use crate::backend::redis::{codec, keys};
use crate::backend::{Mark, Mode, Verdict};
use crate::strategy::State;
use crate::util::now_or_later::uncharged;
use crate::{BackendError, ErrorKind};

impl Engine {
    /// The strategies decide in this process, from the states of one hash slot. Then the new states are written
    /// by compare-and-set.
    pub(in crate::backend::redis) async fn decide_here(
        &self,
        question: &Question<'_>,
        lane: u16,
    ) -> Result<Verdict, BackendError> {
        let part = Part::whole(lane, &question.names);
        for attempt in 0..ATTEMPTS {
            let Found { at, stored, is_held } = self.read(&part).await?;
            let states: States = stored.iter().map(|bytes| codec::decode(bytes)).collect();
            if let Some(verdict) = question.recognised(&states, at)? {
                return Ok(verdict);
            }
            let (quotas, after) = question.answer(&states, at);
            let verdict = Verdict::new(quotas, at);
            match after.filter(|_| question.mode == Mode::Take) {
                Some(after) if is_held || !self.write(&part, &stored, &after, at).await? => {
                    step_aside(attempt).await;
                }
                _ => return Ok(verdict),
            }
        }
        Err(contended())
    }

    pub(in crate::backend::redis) async fn refund(
        &self,
        question: &Question<'_>,
        charged: u64,
    ) -> Result<(), BackendError> {
        self.amend(question, &|states, at| question.refund(states, at, charged, &self.resets)).await
    }

    pub(in crate::backend::redis) async fn forget(
        &self,
        question: &Question<'_>,
    ) -> Result<(), BackendError> {
        // Only the marks of the last attempt count.
        let marks = Mutex::new(vec![Mark::default(); question.charges().len()]);
        let change = |states: &States, at: u64| {
            let mut marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
            question.forget(states, at, &mut marks)
        };
        self.amend(question, &change).await?;
        for (charge, mark) in question.charges().iter().zip(marks.into_inner().unwrap_or_default()) {
            self.resets.record(charge, mark);
        }
        Ok(())
    }

    /// Changes states in favour of their identities: a refund or a reset.
    async fn amend(&self, question: &Question<'_>, change: Change<'_>) -> Result<(), BackendError> {
        if question.limits.is_empty() {
            return Ok(());
        }
        for part in self.servers.parts(&question.names) {
            if part.indexes.iter().all(|index| Some(*index) == question.reset) {
                continue;
            }
            // The states of another hash slot may have been changed already.
            self.amend_there(question, &part, change).await.map_err(BackendError::in_doubt)?;
        }
        if let Some(denied) = &self.denied {
            denied.changed(&question.payers);
        }
        Ok(())
    }

    async fn amend_there(
        &self,
        question: &Question<'_>,
        part: &Part,
        change: Change<'_>,
    ) -> Result<(), BackendError> {
        for attempt in 0..ATTEMPTS {
            let Found { at, stored, is_held } = self.read(part).await?;
            let mut states: States = question.names.iter().map(|_| State::EMPTY).collect();
            for (&index, bytes) in part.indexes.iter().zip(&stored) {
                states[index] = codec::decode(bytes);
            }
            // The reset mark is read after the states: states that a reset has ended meanwhile must not be
            // written.
            if let Some(reset) = question.reset.filter(|reset| !part.indexes.contains(reset)) {
                states[reset] = self.read_one(&question.names[reset]).await?;
            }
            let after = change(&states, at);
            // Unchanged states are not written. This includes identities without any usage.
            if after == states && !is_held {
                return Ok(());
            }
            let after: States = part.indexes.iter().map(|index| after[*index].clone()).collect();
            if !is_held && self.write(part, &stored, &after, at).await? {
                return Ok(());
            }
            step_aside(attempt).await;
        }
        Err(contended())
    }

    /// Reads the time and the stored states of one hash slot.
    pub(in crate::backend::redis) async fn read(&self, part: &Part) -> Result<Found, BackendError> {
        uncharged(pin!(self.try_read(part))).await.map_err(BackendError::nothing_charged)
    }

    /// Reads the state under one name, in any hash slot.
    async fn read_one(&self, name: &Arc<str>) -> Result<State, BackendError> {
        let found = self.read(&self.alone(name)).await?;
        Ok(found.stored.first().map_or(State::EMPTY, |bytes| codec::decode(bytes)))
    }

    fn alone(&self, name: &Arc<str>) -> Part {
        let names = std::slice::from_ref(name);
        Part::whole(self.servers.lane(names).unwrap_or_default(), names)
    }

    /// Writes the mark of a reset of all identities, so that charges from before the reset are not refunded.
    pub(in crate::backend::redis) async fn mark_reset(&self) -> Result<(), BackendError> {
        let part = self.alone(&keys::of_reset(&self.namespace));
        for attempt in 0..ATTEMPTS {
            let Found { at, stored, .. } = self.read(&part).await?;
            let mark = Mark::of_all(at);
            let is_written = self.write(&part, &stored, &[mark.state()], at).await;
            self.resets.record_all(Some(mark));
            if is_written? {
                return Ok(());
            }
            step_aside(attempt).await;
        }
        Err(contended())
    }

    async fn try_read(&self, part: &Part) -> Result<Found, BackendError> {
        let answer = self.servers.run(&READ, part, |_| ()).await?;
        let Value::Array(answer) = answer else { return Err(nonsense()) };
        match answer.as_slice() {
            [Value::Int(now), stored @ ..] if stored.len() == part.names.len() => {
                let now = u64::try_from(*now).map_err(|_| nonsense())?;
                let stored = stored.iter().map(|value| bytes(value).map(<[u8]>::to_vec));
                let stored: Vec<_> = stored.collect::<Option<_>>().ok_or_else(nonsense)?;
                let is_held = stored.iter().any(|bytes| codec::is_held(bytes, now));
                Ok(Found { at: self.time().unwrap_or(now), stored, is_held })
            }
            _ => Err(nonsense()),
        }
    }

    async fn write(
        &self,
        part: &Part,
        before: &[Vec<u8>],
        after: &[State],
        at: u64,
    ) -> Result<bool, BackendError> {
        Swap { part, before, after, at, is_forced: self.clock.is_some() }.run(&self.servers).await
    }
}

/// Computes new states at a time.
type Change<'a> = &'a (dyn Fn(&States, u64) -> States + Send + Sync);

/// The stored states of one hash slot.
pub(in crate::backend::redis) struct Found {
    pub(in crate::backend::redis) at: u64,
    pub(in crate::backend::redis) stored: Vec<Vec<u8>>,
    /// Whether another decision holds any of the states.
    is_held: bool,
}

/// New states in one hash slot. They are written if the stored states are unchanged.
pub(in crate::backend::redis) struct Swap<'a> {
    pub(in crate::backend::redis) part: &'a Part,
    pub(in crate::backend::redis) before: &'a [Vec<u8>],
    pub(in crate::backend::redis) after: &'a [State],
    pub(in crate::backend::redis) at: u64,
    /// Whether the time comes from a clock other than the server's.
    pub(in crate::backend::redis) is_forced: bool,
}

impl Swap<'_> {
    /// Writes the states. Returns `false` if a stored state has changed meanwhile; then nothing is written.
    pub(in crate::backend::redis) async fn run(&self, servers: &Servers) -> Result<bool, BackendError> {
        let answer = servers.run(&WRITE, self.part, |command| {
            for (before, after) in self.before.iter().zip(self.after) {
                let bytes = if after.until() > self.at { codec::encode(after) } else { Vec::new() };
                command.arg(before).arg(bytes);
                if self.is_forced {
                    command.arg("PX").arg(A_DAY.as_millis().to_string());
                } else {
                    // The script that decides assumes that states are kept at least this long.
                    let end = after.until().div_ceil(1_000_000).saturating_add(codec::LONGEST_SPAN);
                    command.arg("EXAT").arg(end);
                }
            }
        });
        match answer.await? {
            Value::Int(written) => Ok(written == 1),
            _ => Err(nonsense()),
        }
    }
}

/// The maximum number of attempts of a compare-and-set. Timeouts end earlier; this bound only guarantees that
/// the loop ends.
const ATTEMPTS: u32 = 256;

/// With a clock other than the server's, states do not expire at the right time, so they are kept for a day.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn contended() -> BackendError {
    let text = format!("others changed the same states {ATTEMPTS} times in a row");
    BackendError::new(ErrorKind::Store, text).nothing_charged()
}
