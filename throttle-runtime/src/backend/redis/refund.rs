//! Refunds of charges, and resets of single identities, by compare-and-set.

use std::sync::{Arc, Mutex, PoisonError};

use super::backoff::step_aside;
use super::codec;
use super::compare_and_set::{ATTEMPTS, Found, contended};
use super::engine::Engine;
use super::partition::Part;
use super::request::{Question, States};
use crate::BackendError;
use crate::backend::Mark;
use crate::strategy::State;

/// Computes new states at a time.
type Change<'a> = &'a (dyn Fn(&States, u64) -> States + Send + Sync);

impl Engine {
    pub(super) async fn refund(&self, question: &Question<'_>, charged: u64) -> Result<(), BackendError> {
        self.amend(question, &|states, at| question.refund(states, at, charged, &self.resets)).await
    }

    pub(super) async fn forget(&self, question: &Question<'_>) -> Result<(), BackendError> {
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

    /// Reads the state under one name, in any hash slot.
    async fn read_one(&self, name: &Arc<str>) -> Result<State, BackendError> {
        let found = self.read(&self.alone(name)).await?;
        Ok(found.stored.first().map_or(State::EMPTY, |bytes| codec::decode(bytes)))
    }
}
