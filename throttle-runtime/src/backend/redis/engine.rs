//! Decisions, one round trip each wherever the strategies have scripts.

use std::sync::Arc;

use redis::{Cmd, Value};

use super::denied::Denied;
use super::failure::{Refusal, nonsense};
use super::question::{Question, States};
use super::scripts::Loaded;
use super::slot::Slot;
use crate::BackendError;
use crate::backend::{Mode, Verdict};
use crate::clock::Clock;

/// What a [`Redis`](super::Redis) backend is made of.
pub(super) struct Engine {
    pub(super) slot: Arc<Slot>,
    pub(super) namespace: String,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) denied: Option<Denied>,
}

impl Engine {
    /// The answer, if it is known without asking.
    pub(super) fn recall(&self, question: &Question<'_>) -> Option<Verdict> {
        self.denied.as_ref().filter(|_| question.mode == Mode::Take)?.recall(question, self.time())
    }

    /// Something was given back: who was denied may now fit.
    pub(super) fn forget_denied(&self) {
        if let Some(denied) = &self.denied {
            denied.clear();
        }
    }

    /// The time, if it is not the server's.
    pub(super) fn time(&self) -> Option<u64> {
        self.clock.as_ref().map(Clock::now)
    }

    pub(super) async fn decide(&self, question: &Question<'_>) -> Result<Verdict, BackendError> {
        if question.limits.is_empty() {
            let at = self.time().unwrap_or_default();
            return Ok(Verdict { quotas: question.answer(&States::new(), at).0, at });
        }
        if let Some(steps) = self.scripts(question)
            && let Some(verdict) = self.decide_there(question, steps).await?
        {
            return Ok(verdict);
        }
        self.decide_here(question).await
    }

    /// Runs a script on the states of a question. If the server does not have it, nothing ran, and it is sent whole.
    pub(super) async fn run(
        &self,
        script: &Loaded,
        question: &Question<'_>,
        arguments: impl Fn(&mut Cmd),
    ) -> Result<Value, BackendError> {
        let command = |verb, script: &str| {
            let mut command = redis::cmd(verb);
            command.arg(script).arg(question.names.len());
            question.names.iter().for_each(|name| {
                command.arg(&**name);
            });
            arguments(&mut command);
            command
        };
        match self.slot.send(command("EVALSHA", &script.sha)).await {
            Err(Refusal::NoScript) => {}
            Err(Refusal::Failed(error)) => return Err(error),
            Ok(answer) => return Ok(answer),
        }
        match self.slot.send(command("EVAL", &script.text)).await {
            Err(Refusal::NoScript) => Err(nonsense()),
            Err(Refusal::Failed(error)) => Err(error),
            Ok(answer) => Ok(answer),
        }
    }
}

/// What is stored; nothing stored is empty.
pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::Nil | Value::Boolean(false) => Some(&[]),
        _ => None,
    }
}
