//! Permits: the decision of a breaker for a request, and how the request reports its result.

use std::fmt;

use super::breaker::Breaker;
use super::open::{Entered, ProbeOutcome};
use super::packed_state::PackedState;
use crate::backend::Verdict;
use crate::error::BackendError;

/// The decision of a breaker, before the backend is called.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    /// Call the backend.
    Pass(Permission<'a>),
    /// Call the backend as a probe: the result decides whether other requests may follow.
    Probe(Permission<'a>),
    /// Do not call the backend.
    Refused,
}

impl Breaker {
    /// Lets a request pass, if the breaker is closed.
    #[inline]
    pub(crate) fn pass(&self) -> Option<Permission<'_>> {
        let word = self.0.word();
        word.is_closed().then(|| Permission::pass(self, word.generation()))
    }

    /// Decides whether a request may call the backend. Called before each call of the backend.
    #[inline]
    pub(crate) fn enter(&self) -> Entry<'_> {
        self.pass().map_or_else(|| self.enter_broken(self.0.word()), Entry::Pass)
    }

    #[cold]
    fn enter_broken(&self, word: PackedState) -> Entry<'_> {
        match self.0.enter(word) {
            Entered::Pass(generation) => Entry::Pass(Permission::pass(self, generation)),
            Entered::Probe(generation, change) => {
                // The permit exists before the hook runs: if the hook panics, dropping the permit frees the
                // probe.
                let permit = Permission::probe(self.clone(), generation);
                self.0.publish(change);
                Entry::Probe(permit)
            }
            Entered::Refused => Entry::Refused,
        }
    }
}

/// A request on its way to the backend.
///
/// If the permit is dropped without a result, because the request was cancelled or panicked, nothing is
/// counted. The probe permit is then free for another request.
///
/// The permit of a closed breaker borrows the breaker, because a reference count would cost more than the whole
/// check.
#[must_use = "the breaker counts only reported results"]
pub(crate) struct Permission<'a>(Holder<'a>);

enum Holder<'a> {
    Borrowed(&'a Breaker, u32),
    Owned(Breaker, u32),
    Probe(Probe),
}

impl<'a> Permission<'a> {
    #[inline]
    pub(super) const fn pass(breaker: &'a Breaker, generation: u32) -> Self {
        Self(Holder::Borrowed(breaker, generation))
    }

    pub(super) const fn probe(breaker: Breaker, generation: u32) -> Self {
        Self(Holder::Probe(Probe { breaker, generation, outcome: None }))
    }
}

impl Permission<'_> {
    /// Reports that the backend returned a decision, whether it allowed or denied. A cached decision is
    /// ignored, because it contains no information about the store.
    #[inline]
    pub(crate) fn answered(self, verdict: &Verdict) {
        if !verdict.is_cached() {
            self.succeeded();
        }
    }

    /// Reports that the backend works.
    #[inline]
    pub(crate) fn succeeded(self) {
        match self.0 {
            Holder::Borrowed(breaker, generation) => breaker.circuit().succeeded(generation),
            Holder::Owned(breaker, generation) => breaker.circuit().succeeded(generation),
            Holder::Probe(probe) => probe.end(ProbeOutcome::Success),
        }
    }

    /// Reports that the backend failed with this error. An error that is no evidence about the backend is
    /// ignored.
    pub(crate) fn failed_by(self, error: &BackendError) {
        if error.is_evidence() {
            self.failed();
        }
    }

    /// Reports that the backend failed.
    pub(crate) fn failed(self) {
        match self.0 {
            Holder::Borrowed(breaker, generation) => breaker.circuit().failed(generation),
            Holder::Owned(breaker, generation) => breaker.circuit().failed(generation),
            Holder::Probe(probe) => probe.end(ProbeOutcome::Failure),
        }
    }

    /// Whether the breaker has changed its phase meanwhile, so that the result is ignored.
    pub(crate) fn is_stale(&self) -> bool {
        let (breaker, generation) = match &self.0 {
            Holder::Borrowed(breaker, generation) => (*breaker, *generation),
            Holder::Owned(breaker, generation) => (breaker, *generation),
            Holder::Probe(probe) => (&probe.breaker, probe.generation),
        };
        breaker.circuit().word().generation() != generation
    }

    /// Converts the permit for a separate task, which may outlive the request.
    pub(crate) fn into_owned(self) -> Permission<'static> {
        Permission(match self.0 {
            Holder::Borrowed(breaker, generation) => Holder::Owned(breaker.clone(), generation),
            Holder::Owned(breaker, generation) => Holder::Owned(breaker, generation),
            Holder::Probe(probe) => Holder::Probe(probe),
        })
    }
}

impl fmt::Debug for Permission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.0, Holder::Probe(_)) { "Probe" } else { "Pass" })
    }
}

/// The only probe permit of a half-open breaker.
struct Probe {
    breaker: Breaker,
    generation: u32,
    outcome: Option<ProbeOutcome>,
}

impl Probe {
    fn end(mut self, outcome: ProbeOutcome) {
        self.outcome = Some(outcome);
    }
}

/// Only `drop` frees the probe permit, so it is freed exactly once.
impl Drop for Probe {
    fn drop(&mut self) {
        self.breaker.circuit().probed(self.generation, self.outcome);
    }
}
