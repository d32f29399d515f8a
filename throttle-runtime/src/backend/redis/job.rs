//! What a request asks of the script that decides, and what several of them ask together.

use std::collections::HashMap;
use std::sync::Arc;

use redis::Cmd;
use smallvec::SmallVec;

use super::question::Question;
use super::scripts;
use crate::backend::Mode;
use crate::strategy::Script;

/// A request among those that one call decides.
pub(super) struct Job {
    /// Where its states are.
    names: SmallVec<[Arc<str>; 2]>,
    steps: SmallVec<[Step; 2]>,
    take: bool,
}

/// A limit of a request.
struct Step {
    number: u8,
    /// Which of the names.
    name: usize,
    arguments: SmallVec<[u64; 8]>,
}

impl Job {
    /// `None` if one of the steps is not in the script.
    pub(super) fn new(question: &Question<'_>, steps: Vec<Script>) -> Option<Self> {
        let step = |(script, limit): (Script, &super::question::Limit)| {
            Some(Step { number: scripts::number(script.lua)?, name: limit.name, arguments: script.arguments })
        };
        let steps = steps.into_iter().zip(&question.limits).map(step).collect::<Option<_>>()?;
        Some(Self { names: question.names.clone(), steps, take: question.mode == Mode::Take })
    }

    /// How many limits it has.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }
}

/// The call for several requests.
#[derive(Default)]
pub(super) struct Call<'a> {
    names: Vec<&'a Arc<str>>,
    places: HashMap<&'a Arc<str>, u16>,
    layout: Vec<u8>,
    arguments: Vec<SmallVec<[u8; 64]>>,
}

impl<'a> Call<'a> {
    pub(super) fn new(jobs: &'a [Option<Job>]) -> Self {
        let mut call = Self::default();
        for job in jobs.iter().flatten() {
            call.add(job);
        }
        call
    }

    fn add(&mut self, job: &'a Job) {
        for (index, step) in job.steps.iter().enumerate() {
            let is_last = index + 1 == job.steps.len();
            self.layout.extend([step.number, u8::from(job.take) + 2 * u8::from(is_last)]);
            let key = self.place(&job.names[step.name]);
            self.layout.extend(key.to_be_bytes());
            self.arguments.push(step.arguments.iter().flat_map(|word| word.to_be_bytes()).collect());
        }
    }

    /// Which of the names it is, from 1 on.
    fn place(&mut self, name: &'a Arc<str>) -> u16 {
        *self.places.entry(name).or_insert_with(|| {
            self.names.push(name);
            // There are no more of them than limits in a batch.
            u16::try_from(self.names.len()).unwrap_or(u16::MAX)
        })
    }

    /// The command that has a script decide, at this time or else at the server's.
    pub(super) fn command(&self, verb: &str, script: &str, time: Option<u64>) -> Cmd {
        let mut command = redis::cmd(verb);
        command.arg(script).arg(self.names.len());
        for name in &self.names {
            command.arg(&***name);
        }
        match time {
            Some(time) => command.arg(&time.to_be_bytes()[..]),
            None => command.arg(&b""[..]),
        };
        command.arg(&self.layout[..]);
        for arguments in &self.arguments {
            command.arg(&arguments[..]);
        }
        command
    }
}
