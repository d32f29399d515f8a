//! The Lua scripts that Redis runs.

use std::fmt::Write;
use std::sync::LazyLock;

use redis::Value;
use sha1::{Digest, Sha1};

use super::errors::Refusal;
use super::keys::hex;
use crate::BackendError;
use crate::strategy::{IN_LUA, Lua};

/// The text of a Lua script, and its SHA-1, by which Redis knows it.
pub(super) struct Loaded {
    pub(super) text: String,
    pub(super) sha: String,
}

impl Loaded {
    fn new(text: String) -> Self {
        let sha = hex(&Sha1::digest(&text));
        Self { text, sha }
    }

    /// Runs the script with a command that `ask` sends. If the server does not have the script, nothing ran,
    /// and the whole text is sent.
    pub(super) async fn run<F>(&self, ask: impl Fn(&'static str, &str) -> F) -> Result<Value, BackendError>
    where
        F: Future<Output = Result<Value, Refusal>>,
    {
        let answer = match ask("EVALSHA", &self.sha).await {
            Err(Refusal::NoScript) => ask("EVAL", &self.text).await,
            answer => answer,
        };
        Ok(answer?)
    }
}

/// Decides with the step functions of the strategies.
pub(super) static DECIDE: LazyLock<Loaded> =
    LazyLock::new(|| Loaded::new(steps() + include_str!("batch/decide.lua")));

/// Reads the time and states.
pub(super) static READ: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(include_str!("read.lua").to_owned()));

/// Writes states by compare-and-set.
pub(super) static WRITE: LazyLock<Loaded> =
    LazyLock::new(|| Loaded::new(include_str!("write.lua").to_owned()));

/// Holds states for a decision over several hash slots.
pub(super) static HOLD: LazyLock<Loaded> =
    LazyLock::new(|| Loaded::new(include_str!("decide/hold.lua").to_owned()));

/// Acquires a concurrency permit.
pub(super) static TAKE: LazyLock<Loaded> =
    LazyLock::new(|| Loaded::new(include_str!("concurrency/take.lua").to_owned()));

/// Uses all commands of decisions, before a connection is used.
pub(super) static PROBE: LazyLock<Loaded> =
    LazyLock::new(|| Loaded::new(include_str!("connection/probe.lua").to_owned()));

/// All scripts that requests run.
pub(super) fn all() -> [&'static Loaded; 5] {
    [&DECIDE, &READ, &WRITE, &HOLD, &TAKE]
}

/// The number of the step of a token, which is not the number of a strategy.
pub(super) const ONCE: u8 = 255;

/// Returns the number of a step in [`DECIDE`].
pub(super) fn number(of: &'static Lua) -> Option<u8> {
    let known = IN_LUA.iter().position(|lua| std::ptr::eq(*lua, of));
    known.and_then(|known| u8::try_from(known + 1).ok())
}

/// Returns the Lua function that creates the step with a given number. Each call of the script creates only the
/// steps that it needs.
fn steps() -> String {
    let mut text = String::from("local function step(which, arguments)\n");
    for (index, Lua(source)) in IN_LUA.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "if which == {} then\n{source}\nend", index + 1);
    }
    let _ = writeln!(text, "if which == {ONCE} then\n{}\nend", include_str!("batch/once.lua"));
    text + "end\n"
}
