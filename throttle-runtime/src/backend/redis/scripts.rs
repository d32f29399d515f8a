//! The scripts that Redis runs: one for each combination of strategies that is decided together.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sha1::{Digest, Sha1};
use smallvec::SmallVec;

use super::names::hex;
use crate::strategy::Script;

/// A text in Lua, and the name that Redis knows it by.
pub(super) struct Loaded {
    pub(super) text: String,
    pub(super) sha: String,
}

impl Loaded {
    fn new(text: String) -> Arc<Self> {
        let sha = hex(&Sha1::digest(&text));
        Arc::new(Self { text, sha })
    }
}

type Names = SmallVec<[&'static str; 2]>;

/// All scripts that were needed so far.
pub(super) struct Scripts {
    pub(super) read: Arc<Loaded>,
    pub(super) write: Arc<Loaded>,
    decide: RwLock<HashMap<Names, Arc<Loaded>>>,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            read: Loaded::new(include_str!("read.lua").to_owned()),
            write: Loaded::new(include_str!("write.lua").to_owned()),
            decide: RwLock::default(),
        }
    }
}

impl Scripts {
    /// The script that decides by these steps.
    pub(super) fn decide(&self, steps: &[Script]) -> Arc<Loaded> {
        let names: Names = steps.iter().map(|step| step.name).collect();
        let known = self.decide.read().unwrap_or_else(PoisonError::into_inner).get(&names).cloned();
        known.unwrap_or_else(|| {
            let mut all = self.decide.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(names).or_insert_with(|| Loaded::new(text(steps))))
        })
    }

    pub(super) fn all(&self) -> Vec<Arc<Loaded>> {
        let decide = self.decide.read().unwrap_or_else(PoisonError::into_inner);
        [&self.read, &self.write].into_iter().chain(decide.values()).cloned().collect()
    }
}

/// The frame with the steps in it, each a function of the state, the time and its arguments.
fn text(steps: &[Script]) -> String {
    let functions = steps.iter().map(|step| format!("function(...)\n{}\nend,\n", step.source));
    let table = format!("local steps = {{\n{}}}\n", functions.collect::<String>());
    table + include_str!("decide.lua")
}
