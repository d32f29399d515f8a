//! Which steps an attempt to connect has taken, and how long each.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{BackendError, ErrorKind};

/// The steps of one attempt, with their beginnings.
#[derive(Default)]
pub(in crate::backend::redis) struct Progress(Mutex<Vec<(String, Instant)>>);

impl Progress {
    /// The step before has ended, and this one begins.
    pub(super) fn begin(&self, step: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((step.into(), Instant::now()));
    }

    /// The attempt took longer than `limit`: which step took the time.
    pub(super) fn timed_out(&self, limit: Duration) -> BackendError {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = format!("no connection to Redis within {limit:?}");
        if let Some((step, begun)) = steps.last() {
            // Writing to a text cannot fail.
            let _ = write!(text, ": {step} has not ended after {} ms", begun.elapsed().as_millis());
        }
        for ((step, begun), (_, ended)) in steps.iter().zip(steps.iter().skip(1)) {
            let _ = write!(text, ", {step} took {} ms", ended.duration_since(*begun).as_millis());
        }
        BackendError::new(ErrorKind::Timeout, text)
    }
}
