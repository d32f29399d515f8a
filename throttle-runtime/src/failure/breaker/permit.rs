//! What a breaker says to a request, and what the request says back.

use std::fmt;

use super::Breaker;
use crate::BackendError;
use crate::backend::Verdict;

/// What becomes of a request, before the backend is asked.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    /// Ask the backend.
    Pass(Permit<'a>),
    /// Ask the backend, for all who wait to see whether it is well again.
    Probe(Permit<'a>),
    /// Leave the backend alone.
    Refused,
}

/// A request on its way to the backend. If it is dropped without a result, since the request was cancelled or
/// panicked, it counts as nothing, and a probe leaves its place to another one.
///
/// That of a closed breaker is borrowed, since counting up a reference costs more than the whole question.
#[must_use = "the breaker learns from results only"]
pub(crate) struct Permit<'a>(Holder<'a>);

enum Holder<'a> {
    Borrowed(&'a Breaker, u32),
    Owned(Breaker, u32),
    Probe(Probe),
}

impl<'a> Permit<'a> {
    #[inline]
    pub(super) const fn pass(breaker: &'a Breaker, generation: u32) -> Self {
        Self(Holder::Borrowed(breaker, generation))
    }

    pub(super) const fn probe(breaker: Breaker, generation: u32) -> Self {
        Self(Holder::Probe(Probe { breaker, generation, outcome: None }))
    }
}

impl Permit<'_> {
    /// The backend has given that answer, whatever it says: unless it knew it without asking its store, which then may
    /// be well or not.
    #[inline]
    pub(crate) fn answered(self, verdict: &Verdict) {
        if !verdict.is_cached() {
            self.succeeded();
        }
    }

    /// The backend is well.
    #[inline]
    pub(crate) fn succeeded(self) {
        match self.0 {
            Holder::Borrowed(breaker, generation) => breaker.circuit().succeeded(generation),
            Holder::Owned(breaker, generation) => breaker.circuit().succeeded(generation),
            Holder::Probe(probe) => probe.end(Outcome::Success),
        }
    }

    /// The backend has failed by this error. One that says nothing about the backend counts as nothing.
    pub(crate) fn failed_by(self, error: &BackendError) {
        if error.is_evidence() {
            self.failed();
        }
    }

    /// The backend has failed.
    pub(crate) fn failed(self) {
        match self.0 {
            Holder::Borrowed(breaker, generation) => breaker.circuit().failed(generation),
            Holder::Owned(breaker, generation) => breaker.circuit().failed(generation),
            Holder::Probe(probe) => probe.end(Outcome::Failure),
        }
    }

    /// Whether the breaker has changed meanwhile, so that this means nothing any more.
    pub(crate) fn is_stale(&self) -> bool {
        let (breaker, generation) = match &self.0 {
            Holder::Borrowed(breaker, generation) => (*breaker, *generation),
            Holder::Owned(breaker, generation) => (breaker, *generation),
            Holder::Probe(probe) => (&probe.breaker, probe.generation),
        };
        breaker.circuit().word().generation() != generation
    }

    /// The same for a task of its own, which may outlive the request.
    pub(crate) fn into_owned(self) -> Permit<'static> {
        Permit(match self.0 {
            Holder::Borrowed(breaker, generation) => Holder::Owned(breaker.clone(), generation),
            Holder::Owned(breaker, generation) => Holder::Owned(breaker, generation),
            Holder::Probe(probe) => Holder::Probe(probe),
        })
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.0, Holder::Probe(_)) { "Probe" } else { "Pass" })
    }
}

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    Failure,
}

/// The one place that there is while half-open.
struct Probe {
    breaker: Breaker,
    generation: u32,
    outcome: Option<Outcome>,
}

impl Probe {
    fn end(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

/// The only way that a place becomes free, so that it does so once.
impl Drop for Probe {
    fn drop(&mut self) {
        self.breaker.circuit().probed(self.generation, self.outcome);
    }
}
