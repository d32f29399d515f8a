//! The steps of an attempt to connect, with durations. Alone because each file that connects reports to it.

use std::fmt::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::error::{BackendError, ErrorKind};
use crate::util::sync;

/// The steps of one attempt, with their start times.
#[derive(Default)]
pub(in crate::backend::redis) struct Progress(Mutex<Vec<(String, Instant)>>);

impl Progress {
    /// Ends the previous step and begins this one.
    pub(super) fn begin(&self, step: impl Into<String>) {
        sync::lock(&self.0).push((step.into(), Instant::now()));
    }

    /// Returns the error of an attempt that took longer than `limit`. It names the step that took the time.
    pub(super) fn timed_out(&self, limit: Duration) -> BackendError {
        let steps = sync::lock(&self.0);
        let mut text = format!("no connection to Redis within {limit:?}");
        if let Some((step, begun)) = steps.last() {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {step} has not ended after {} ms", begun.elapsed().as_millis());
        }
        for ((step, begun), (_, ended)) in steps.iter().zip(steps.iter().skip(1)) {
            let _ = write!(text, ", {step} took {} ms", ended.duration_since(*begun).as_millis());
        }
        BackendError::new(ErrorKind::Timeout, text)
    }
}
