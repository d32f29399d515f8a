//! Decisions by compare-and-set: two round trips, and more if others get in between.

use std::time::Duration;

use redis::Value;

use super::engine::{Engine, bytes};
use super::failure::nonsense;
use super::question::Question;
use super::scripts::{READ, WRITE};
use super::{connector, stored};
use crate::backend::{Mode, Verdict};
use crate::strategy::State;
use crate::{BackendError, ErrorKind};

impl Engine {
    /// The strategies decide, by what is stored; then it is compared and set.
    pub(super) async fn decide_here(&self, question: &Question<'_>) -> Result<Verdict, BackendError> {
        for attempt in 0..ATTEMPTS {
            let (at, stored) = self.read(question).await?;
            let (quotas, after) =
                question.answer(&stored.iter().map(|bytes| stored::decode(bytes)).collect(), at);
            let verdict = Verdict { quotas, at };
            match after.filter(|_| question.mode == Mode::Take) {
                Some(after) if !self.write(question, &stored, &after, at).await? => step_aside(attempt).await,
                _ => return Ok(verdict),
            }
        }
        Err(contended())
    }

    pub(super) async fn refund(&self, question: &Question<'_>, charged: u64) -> Result<(), BackendError> {
        if question.limits.is_empty() {
            return Ok(());
        }
        for attempt in 0..ATTEMPTS {
            let (now, stored) = self.read(question).await?;
            let states = stored.iter().map(|bytes| stored::decode(bytes)).collect();
            let after = question.refund(&states, now, now.saturating_sub(charged));
            if after == states || self.write(question, &stored, &after, now).await? {
                self.forget_denied();
                return Ok(());
            }
            step_aside(attempt).await;
        }
        Err(contended())
    }

    /// The time and what is stored.
    async fn read(&self, question: &Question<'_>) -> Result<(u64, Vec<Vec<u8>>), BackendError> {
        let answer = self.run(&READ, question, |_| ()).await?;
        let Value::Array(answer) = answer else { return Err(nonsense()) };
        match answer.as_slice() {
            [Value::Int(now), stored @ ..] if stored.len() == question.names.len() => {
                let now = u64::try_from(*now).map_err(|_| nonsense())?;
                let now = self.time().unwrap_or(now);
                let stored = stored.iter().map(|value| bytes(value).map(<[u8]>::to_vec));
                Ok((now, stored.collect::<Option<_>>().ok_or_else(nonsense)?))
            }
            _ => Err(nonsense()),
        }
    }

    /// Whether nothing else was written meanwhile, so that this is.
    async fn write(
        &self,
        question: &Question<'_>,
        before: &[Vec<u8>],
        after: &[State],
        now: u64,
    ) -> Result<bool, BackendError> {
        let answer = self.run(&WRITE, question, |command| {
            for (before, after) in before.iter().zip(after) {
                let bytes = if after.until() > now { stored::encode(after) } else { Vec::new() };
                command.arg(before).arg(bytes);
                match self.clock {
                    // In whole seconds, as the other script expects it.
                    None => command.arg("EXAT").arg(after.until().div_ceil(1_000_000)),
                    Some(_) => command.arg("PX").arg(A_DAY.as_millis().to_string()),
                };
            }
        });
        match answer.await? {
            Value::Int(written) => Ok(written == 1),
            _ => Err(nonsense()),
        }
    }
}

/// How often a compare-and-set is tried.
const ATTEMPTS: u32 = 32;

/// By a clock other than the server's nothing expires in time, so it is kept that long.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Others were faster: after a random while the way may be free.
async fn step_aside(attempt: u32) {
    let most = Duration::from_micros(200 << attempt.min(6));
    tokio::time::sleep(connector::random_part(most)).await;
}

fn contended() -> BackendError {
    let text = format!("others changed the same states {ATTEMPTS} times in a row");
    BackendError::new(ErrorKind::Store, text)
}
