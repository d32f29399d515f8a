//! What a request asks of the script that decides, and what several of them ask together.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use redis::Cmd;
use smallvec::SmallVec;

use crate::backend::redis::question::{Limit, Question};
use crate::backend::redis::token::Tokens;
use crate::backend::redis::{scripts, stored};
use crate::backend::{Attempt, Mode};
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
    /// The strategy, how coarse ends are at its key, and its arguments.
    bytes: SmallVec<[u8; 64]>,
    /// Which of the names.
    name: usize,
}

impl Step {
    /// The step of a token: it fits once.
    fn of_token(tokens: &Tokens<'_>, name: usize) -> Self {
        let mut bytes: SmallVec<[u8; 64]> = SmallVec::from_slice(&[scripts::ONCE, 1]);
        bytes.extend(tokens.attempt.map_or(0, Attempt::lasts).to_be_bytes());
        Self { bytes, name }
    }
}

impl Job {
    /// `None` if one of the steps is not in the script.
    pub(super) fn new(question: &Question<'_>, scripts: &[Script]) -> Option<Self> {
        let step = |(script, limit): (&Script, &Limit)| {
            let mut bytes = SmallVec::new();
            bytes.push(scripts::number(script.lua)?);
            bytes.push(stored::span(limit.rate));
            bytes.extend(script.arguments.iter().flat_map(|word| word.to_be_bytes()));
            Some(Step { bytes, name: limit.name })
        };
        let mut steps = scripts.iter().zip(&question.limits).map(step).collect::<Option<SmallVec<_>>>()?;
        steps.extend(question.tokens.names.iter().map(|&name| Step::of_token(&question.tokens, name)));
        Some(Self { names: question.names.clone(), steps, take: question.mode == Mode::Take })
    }

    /// Where its states are.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// Which of the names each limit is about.
    pub(super) fn names_of_limits(&self) -> impl Iterator<Item = usize> {
        self.steps.iter().map(|step| step.name)
    }

    /// Whether it takes what it asks for.
    pub(super) const fn takes(&self) -> bool {
        self.take
    }

    /// How many limits it has.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }
}

/// What a limit takes of the layout, in bytes.
const LIMIT: usize = 5;

/// How the script is told that a limit takes, and is the first of its request, and the last one.
const TAKES: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;
const ALL: u8 = TAKES + FIRST + LAST;
/// All that, and no other limit of the call is about its state.
const LONE: u8 = 15;

/// A call that decides several requests.
#[derive(Default)]
pub(super) struct Call<'a> {
    names: Numbered<&'a str>,
    steps: Numbered<&'a [u8]>,
    layout: Vec<u8>,
    keys: Vec<usize>,
}

/// Things that stand once however often they are named, numbered from 1 on.
struct Numbered<T> {
    all: Vec<T>,
    numbers: HashMap<T, u16>,
}

impl<'a> Call<'a> {
    pub(super) fn new(jobs: &'a [Job]) -> Self {
        let mut call = Self::default();
        for job in jobs {
            call.add(job);
        }
        call.mark_lone();
        call
    }

    /// Tells the script of requests that take from a state of their own: what they leave can be written at once.
    fn mark_lone(&mut self) {
        let mut limits = vec![0_u16; self.names.all.len()];
        self.keys.iter().for_each(|&key| limits[key] += 1);
        for (limit, &key) in self.layout.chunks_exact_mut(LIMIT).zip(&self.keys) {
            if limit[0] == ALL && limits[key] == 1 {
                limit[0] = LONE;
            }
        }
    }

    fn add(&mut self, job: &'a Job) {
        for (index, step) in job.steps.iter().enumerate() {
            let (is_first, is_last) = (index == 0, index + 1 == job.steps.len());
            let key = self.names.number(&job.names[step.name]);
            self.layout
                .push(TAKES * u8::from(job.take) + FIRST * u8::from(is_first) + LAST * u8::from(is_last));
            self.layout.extend(self.steps.number(&step.bytes).to_be_bytes());
            self.layout.extend(key.to_be_bytes());
            self.keys.push(usize::from(key) - 1);
        }
    }

    /// Whether each key is that of one request that takes, and all have the same step.
    fn is_uniform(&self) -> bool {
        self.steps.all.len() == 1 && self.layout.iter().step_by(LIMIT).all(|&limit| limit == LONE)
    }

    /// Which of the names each limit is about.
    pub(super) fn keys(&self) -> &[usize] {
        &self.keys
    }

    /// How many names there are.
    pub(super) const fn names(&self) -> usize {
        self.names.all.len()
    }

    /// The command that has a script decide, at this time or else at the server's.
    pub(super) fn command(&self, verb: &str, script: &str, time: Option<u64>) -> Cmd {
        let mut command = redis::cmd(verb);
        command.arg(script).arg(self.names.all.len()).arg(&self.names.all);
        if let Some(time) = time {
            command.arg(&time.to_be_bytes()[..]);
        }
        if !self.is_uniform() {
            if time.is_none() {
                command.arg(&b""[..]);
            }
            command.arg(&self.layout[..]);
        }
        for step in &self.steps.all {
            command.arg(*step);
        }
        command
    }
}

impl<T: Copy + Eq + Hash> Numbered<T> {
    fn number(&mut self, one: T) -> u16 {
        *self.numbers.entry(one).or_insert_with(|| {
            self.all.push(one);
            // There are no more of them than limits in a batch.
            u16::try_from(self.all.len()).unwrap_or(u16::MAX)
        })
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new() }
    }
}
