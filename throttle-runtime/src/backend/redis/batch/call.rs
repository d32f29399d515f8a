//! The arguments of the script that decides, for one request and for a batch of requests.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use redis::Cmd;
use smallvec::SmallVec;

use crate::backend::redis::request::{Limit, Request};
use crate::backend::redis::token::Tokens;
use crate::backend::redis::{codec, scripts};
use crate::backend::{Attempt, Mode};
use crate::strategy::Script;

/// One request of a batch.
pub(in crate::backend::redis) struct BatchEntry {
    /// The Redis keys of its states.
    keys: SmallVec<[Arc<str>; 2]>,
    steps: SmallVec<[Step; 2]>,
    /// Whether the request charges its limits.
    charges: bool,
}

/// A limit of a request.
struct Step {
    /// The number of the strategy, the granularity of expiry times for its key, and the arguments.
    bytes: SmallVec<[u8; 64]>,
    /// The index of its state.
    state: usize,
}

impl Step {
    /// Creates the step of a token, which fits once.
    fn of_token(tokens: &Tokens<'_>, state: usize) -> Self {
        let mut bytes: SmallVec<[u8; 64]> = SmallVec::from_slice(&[scripts::TOKEN_STEP, 1]);
        bytes.extend(tokens.attempt.map_or(0, Attempt::lasts).to_be_bytes());
        Self { bytes, state }
    }
}

impl BatchEntry {
    /// Returns `None` if one of the steps is not in the script.
    pub(in crate::backend::redis) fn new(request: &Request<'_>, scripts: &[Script]) -> Option<Self> {
        let step = |(script, limit): (&Script, &Limit)| {
            let mut bytes = SmallVec::new();
            bytes.push(scripts::step_number(script.lua)?);
            bytes.push(codec::expiry_granularity(limit.rate));
            bytes.extend(script.arguments.iter().flat_map(|word| word.to_be_bytes()));
            Some(Step { bytes, state: limit.state })
        };
        let mut steps = scripts.iter().zip(&request.limits).map(step).collect::<Option<SmallVec<_>>>()?;
        steps.extend(request.tokens.states.iter().map(|&state| Step::of_token(&request.tokens, state)));
        Some(Self { keys: request.keys.clone(), steps, charges: request.mode == Mode::Consume })
    }

    /// Returns the number of states.
    pub(super) fn state_count(&self) -> usize {
        self.keys.len()
    }

    /// Returns the index of the state of each limit.
    pub(super) fn limit_states(&self) -> impl Iterator<Item = usize> {
        self.steps.iter().map(|step| step.state)
    }

    /// Whether the request charges its limits.
    pub(super) const fn charges(&self) -> bool {
        self.charges
    }

    /// Returns the number of limits.
    pub(super) fn limit_count(&self) -> usize {
        self.steps.len()
    }
}

/// The length of a limit in the layout, in bytes.
const LIMIT_LENGTH: usize = 5;

/// Flags of a limit: it is charged, it is the first limit of its request, it is the last one.
const CHARGES: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;
const ALL: u8 = CHARGES + FIRST + LAST;
/// All three flags, and no other limit of the call uses the same state.
const UNSHARED: u8 = 15;

/// A call that decides several requests.
#[derive(Default)]
pub(in crate::backend::redis) struct BatchCall<'a> {
    keys: Numbered<&'a str>,
    steps: Numbered<&'a [u8]>,
    layout: Vec<u8>,
    /// The index of the key of each limit.
    limit_keys: Vec<usize>,
}

/// Distinct values, numbered from 1.
struct Numbered<T> {
    all: Vec<T>,
    numbers: HashMap<T, u16>,
}

impl<'a> BatchCall<'a> {
    pub(in crate::backend::redis) fn new(entries: &'a [BatchEntry]) -> Self {
        let mut call = Self::default();
        for entry in entries {
            call.add(entry);
        }
        call.mark_unshared();
        call
    }

    /// Marks limits of requests with a single limit, whose state no other request of the call uses. The script
    /// can write their states immediately.
    fn mark_unshared(&mut self) {
        let mut limits = vec![0_u16; self.keys.all.len()];
        self.limit_keys.iter().for_each(|&key| limits[key] += 1);
        for (limit, &key) in self.layout.chunks_exact_mut(LIMIT_LENGTH).zip(&self.limit_keys) {
            if limit[0] == ALL && limits[key] == 1 {
                limit[0] = UNSHARED;
            }
        }
    }

    fn add(&mut self, entry: &'a BatchEntry) {
        for (index, step) in entry.steps.iter().enumerate() {
            let (is_first, is_last) = (index == 0, index + 1 == entry.steps.len());
            let key = self.keys.number(&entry.keys[step.state]);
            self.layout.push(
                CHARGES * u8::from(entry.charges) + FIRST * u8::from(is_first) + LAST * u8::from(is_last),
            );
            self.layout.extend(self.steps.number(&step.bytes).to_be_bytes());
            self.layout.extend(key.to_be_bytes());
            self.limit_keys.push(usize::from(key) - 1);
        }
    }

    /// Whether each key belongs to exactly one request, which charges it, and all requests have the same step.
    fn is_uniform(&self) -> bool {
        self.steps.all.len() == 1 && self.layout.iter().step_by(LIMIT_LENGTH).all(|&limit| limit == UNSHARED)
    }

    /// Returns the index of the key of each limit.
    pub(super) fn limit_keys(&self) -> &[usize] {
        &self.limit_keys
    }

    /// Returns the number of keys.
    pub(super) const fn key_count(&self) -> usize {
        self.keys.all.len()
    }

    /// Returns the command that runs the script, at the given time or else at the server's time.
    pub(in crate::backend::redis) fn command(&self, verb: &str, script: &str, time: Option<u64>) -> Cmd {
        let mut command = redis::cmd(verb);
        command.arg(script).arg(self.keys.all.len()).arg(&self.keys.all);
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
    fn number(&mut self, value: T) -> u16 {
        *self.numbers.entry(value).or_insert_with(|| {
            self.all.push(value);
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
