//! The arguments of the script that decides, for one request and for a batch of requests.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use redis::Cmd;
use smallvec::SmallVec;

use crate::backend::redis::request::{Limit, Question};
use crate::backend::redis::token::Tokens;
use crate::backend::redis::{codec, scripts};
use crate::backend::{Attempt, Mode};
use crate::strategy::Script;

/// One request of a batch.
pub(in crate::backend::redis) struct Job {
    /// The Redis keys of its states.
    names: SmallVec<[Arc<str>; 2]>,
    steps: SmallVec<[Step; 2]>,
    take: bool,
}

/// A limit of a request.
struct Step {
    /// The number of the strategy, the granularity of expiry times for its key, and the arguments.
    bytes: SmallVec<[u8; 64]>,
    /// The index in `names`.
    name: usize,
}

impl Step {
    /// Creates the step of a token, which fits once.
    fn of_token(tokens: &Tokens<'_>, name: usize) -> Self {
        let mut bytes: SmallVec<[u8; 64]> = SmallVec::from_slice(&[scripts::ONCE, 1]);
        bytes.extend(tokens.attempt.map_or(0, Attempt::lasts).to_be_bytes());
        Self { bytes, name }
    }
}

impl Job {
    /// Returns `None` if one of the steps is not in the script.
    pub(in crate::backend::redis) fn new(question: &Question<'_>, scripts: &[Script]) -> Option<Self> {
        let step = |(script, limit): (&Script, &Limit)| {
            let mut bytes = SmallVec::new();
            bytes.push(scripts::number(script.lua)?);
            bytes.push(codec::span(limit.rate));
            bytes.extend(script.arguments.iter().flat_map(|word| word.to_be_bytes()));
            Some(Step { bytes, name: limit.name })
        };
        let mut steps = scripts.iter().zip(&question.limits).map(step).collect::<Option<SmallVec<_>>>()?;
        steps.extend(question.tokens.names.iter().map(|&name| Step::of_token(&question.tokens, name)));
        Some(Self { names: question.names.clone(), steps, take: question.mode == Mode::Take })
    }

    /// Returns the Redis keys of the states.
    pub(in crate::backend::redis) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// Returns the index in the names, for each limit.
    pub(in crate::backend::redis) fn names_of_limits(&self) -> impl Iterator<Item = usize> {
        self.steps.iter().map(|step| step.name)
    }

    /// Whether the request charges its limits.
    pub(in crate::backend::redis) const fn takes(&self) -> bool {
        self.take
    }

    /// Returns the number of limits.
    pub(in crate::backend::redis) fn len(&self) -> usize {
        self.steps.len()
    }
}

/// The length of a limit in the layout, in bytes.
const LIMIT: usize = 5;

/// Flags of a limit: it is charged, it is the first limit of its request, it is the last one.
const TAKES: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;
const ALL: u8 = TAKES + FIRST + LAST;
/// All three flags, and no other limit of the call uses the same state.
const LONE: u8 = 15;

/// A call that decides several requests.
#[derive(Default)]
pub(in crate::backend::redis) struct Call<'a> {
    names: Numbered<&'a str>,
    steps: Numbered<&'a [u8]>,
    layout: Vec<u8>,
    keys: Vec<usize>,
}

/// Distinct values, numbered from 1.
struct Numbered<T> {
    all: Vec<T>,
    numbers: HashMap<T, u16>,
}

impl<'a> Call<'a> {
    pub(in crate::backend::redis) fn new(jobs: &'a [Job]) -> Self {
        let mut call = Self::default();
        for job in jobs {
            call.add(job);
        }
        call.mark_lone();
        call
    }

    /// Marks limits of requests with a single limit, whose state no other request of the call uses. The script
    /// can write their states immediately.
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

    /// Whether each key belongs to exactly one request, which charges it, and all requests have the same step.
    fn is_uniform(&self) -> bool {
        self.steps.all.len() == 1 && self.layout.iter().step_by(LIMIT).all(|&limit| limit == LONE)
    }

    /// Returns the index of the key of each limit.
    pub(in crate::backend::redis) fn keys(&self) -> &[usize] {
        &self.keys
    }

    /// Returns the number of keys.
    pub(in crate::backend::redis) const fn names(&self) -> usize {
        self.names.all.len()
    }

    /// Returns the command that runs the script, at the given time or else at the server's time.
    pub(in crate::backend::redis) fn command(&self, verb: &str, script: &str, time: Option<u64>) -> Cmd {
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
            // There are at most as many values as limits in a batch.
            u16::try_from(self.all.len()).unwrap_or(u16::MAX)
        })
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new() }
    }
}
