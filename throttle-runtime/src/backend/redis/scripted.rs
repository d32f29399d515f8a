//! Decisions by one script: one round trip.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use redis::Value;
use smallvec::SmallVec;

use super::engine::{Engine, bytes};
use super::failure::nonsense;
use super::question::{Question, States};
use super::stored;
use crate::backend::{Mode, Verdict};
use crate::strategy::Script;
use crate::{BackendError, ErrorKind};

impl Engine {
    /// The step of each limit as a script, if all have one.
    pub(super) fn scripts(&self, question: &Question<'_>) -> Option<Vec<Script>> {
        if self.time().is_some_and(|time| time >= 1 << 51) {
            return None;
        }
        let system = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let about = self.time().or_else(|| u64::try_from(system()).ok())?;
        let script = |limit| question.charge(limit).strategy.script(&question.arrival(limit, about));
        question.limits.iter().map(|limit| script(*limit)).collect()
    }

    /// One script decides; or nobody, if a number is too large for it.
    pub(super) async fn decide_there(
        &self,
        question: &Question<'_>,
        steps: &[Script],
    ) -> Result<Option<Verdict>, BackendError> {
        let mut distinct: SmallVec<[Script; 2]> = SmallVec::new();
        let mut layout: SmallVec<[u8; 24]> = SmallVec::new();
        for (step, limit) in steps.iter().zip(&question.limits) {
            let known = distinct.iter().position(|known| known.name == step.name);
            let which = known.unwrap_or_else(|| {
                distinct.push(step.clone());
                distinct.len() - 1
            });
            // There are no more than a few throttles on one handler, with no more than eight limits each.
            layout.push(u8::try_from(which + 1).unwrap_or(u8::MAX));
            layout.extend_from_slice(&u16::try_from(limit.name + 1).unwrap_or(u16::MAX).to_be_bytes());
        }
        let lasts = steps.iter().all(|step| step.denials_last);
        let script = self.slot.scripts.decide(&distinct);
        let time = self.time().map(u64::to_be_bytes);
        let asked = Instant::now();
        let answer = self.run(&script, question, |command| {
            command.arg(time.as_ref().map_or(&[][..], |time| &time[..]));
            command.arg(u8::from(question.mode == Mode::Take)).arg(&layout[..]);
            for step in steps {
                let bytes: SmallVec<[u8; 64]> =
                    step.arguments.iter().flat_map(|word| word.to_be_bytes()).collect();
                command.arg(&bytes[..]);
            }
        });
        let (at, ruling, states) = match answer.await? {
            Value::Array(answer) => match answer.as_slice() {
                [Value::Int(at), Value::Int(ruling), stored @ ..] if stored.len() == question.names.len() => {
                    let states: Option<States> =
                        stored.iter().map(|value| Some(stored::decode(bytes(value)?))).collect();
                    (u64::try_from(*at).map_err(|_| nonsense())?, *ruling, states.ok_or_else(nonsense)?)
                }
                _ => return Err(nonsense()),
            },
            _ => return Err(nonsense()),
        };
        if ruling < 0 {
            return Ok(None);
        }
        let (quotas, after) = question.answer(&states, at);
        if after.is_some() != (ruling == 1) {
            return Err(BackendError::new(ErrorKind::Store, "a script decided otherwise than its strategy"));
        }
        if let Some(denied) = self.denied.as_ref().filter(|_| after.is_none() && lasts) {
            denied.remember(question, states, at, asked);
        }
        Ok(Some(Verdict { quotas, at }))
    }
}
