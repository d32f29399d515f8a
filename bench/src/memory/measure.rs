//! Measures all subjects of a cell in turns, repeatedly.

use std::sync::Barrier;
use std::time::Instant;
use std::{fmt, thread};

use super::cell::{Cell, Outcome};
use super::subject::Subject;
use super::workload::Sequence;
use crate::allocations;
use crate::machine::{self, Noise};

/// A subject that has seen all its clients, ready to be measured.
pub(crate) struct Ready {
    pub(crate) name: &'static str,
    pub(crate) subject: Box<dyn Subject>,
    pub(crate) slower: usize,
}

/// The measurements of one subject in one cell.
pub(crate) struct Samples {
    pub(crate) name: &'static str,
    /// Nanoseconds per decision and thread, one value per repetition.
    pub(crate) ns: Vec<f64>,
    /// Allocations per decision.
    pub(crate) allocations: f64,
}

/// The error for a subject whose decisions differ from its cell. Its times would mean nothing.
#[derive(Debug)]
pub(crate) struct Wrong {
    name: &'static str,
    cell: Cell,
    passed: usize,
    of: usize,
}

/// Returns the samples of all subjects, and the machine's noise.
pub(crate) fn cell(
    cell: Cell,
    subjects: &[&Ready],
    sequence: &Sequence,
    decisions: usize,
    reps: usize,
) -> Result<(Vec<Samples>, f64), Wrong> {
    let once = |ready: &Ready, decisions: usize, start: usize| {
        let decisions = decisions / ready.slower;
        let (ns, passed) = timed(&*ready.subject, sequence, start, decisions, cell.threads);
        let of = decisions * cell.threads;
        let expected = if cell.outcome == Outcome::Denied { 0 } else { of };
        if passed == expected { Ok(ns) } else { Err(Wrong { name: ready.name, cell, passed, of }) }
    };
    let mut samples = Vec::new();
    for ready in subjects {
        once(ready, decisions / 8, 0)?;
        let allocations = allocations(&*ready.subject, sequence, 4096 / ready.slower);
        samples.push(Samples { name: ready.name, ns: Vec::with_capacity(reps), allocations });
    }
    let mut noise = Noise::default();
    for rep in 0..reps {
        // In each repetition, every subject follows a different subject.
        for turn in 0..subjects.len() {
            let index = (turn + rep) % subjects.len();
            noise.sample();
            samples[index].ns.push(once(subjects[index], decisions, rep * decisions)?);
        }
    }
    Ok((samples, noise.spread()))
}

/// Returns the nanoseconds per decision and thread, and the number of allowed decisions in all threads.
fn timed(
    subject: &dyn Subject,
    sequence: &Sequence,
    start: usize,
    decisions: usize,
    threads: usize,
) -> (f64, usize) {
    let barrier = Barrier::new(threads);
    let work = |thread: usize| {
        machine::pin(thread);
        let mut at = (start + thread * sequence.len() / threads) % sequence.len();
        let mut left = decisions;
        let mut passed = 0;
        barrier.wait();
        let clock = Instant::now();
        while left > 0 {
            let end = (at + left).min(sequence.len());
            passed += subject.run(sequence, at..end);
            left -= end - at;
            at = end % sequence.len();
        }
        (clock.elapsed().as_nanos() as f64 / decisions as f64, passed)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        handles.into_iter().map(|handle| handle.join().expect("subjects do not panic")).collect()
    });
    let ns = results.iter().map(|(ns, _)| ns).sum::<f64>() / threads as f64;
    (ns, results.iter().map(|(_, passed)| passed).sum())
}

fn allocations(subject: &dyn Subject, sequence: &Sequence, decisions: usize) -> f64 {
    let counted = allocations::count(|| {
        subject.run(sequence, 0..decisions);
    });
    counted as f64 / decisions as f64
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, cell, passed, of } = self;
        write!(f, "{name} let {passed} of {of} pass in {cell}")
    }
}

impl std::error::Error for Wrong {}
