//! The Lua scripts that Redis runs.

use std::fmt::Write;
use std::sync::LazyLock;

use redis::Value;
use sha1::{Digest, Sha1};

use super::errors::RequestError;
use super::keys::hex;
use crate::error::BackendError;
use crate::strategy::{IN_LUA, Lua};

/// The text of a Lua script, and its SHA-1, by which Redis knows it.
pub(super) struct LuaScript {
    pub(super) text: String,
    pub(super) sha: String,
}

impl LuaScript {
    fn new(text: String) -> Self {
        let sha = hex(&Sha1::digest(&text));
        Self { text, sha }
    }

    /// Runs the script with a command that `send` sends. If the server does not have the script, nothing ran,
    /// and the whole text is sent.
    pub(super) async fn run<F>(&self, send: impl Fn(&'static str, &str) -> F) -> Result<Value, BackendError>
    where
        F: Future<Output = Result<Value, RequestError>>,
    {
        let reply = match send("EVALSHA", &self.sha).await {
            Err(RequestError::NoScript) => send("EVAL", &self.text).await,
            reply => reply,
        };
        Ok(reply?)
    }
}

/// Decides with the step functions of the strategies.
pub(super) static DECIDE: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new(step_functions() + include_str!("batch/decide.lua")));

/// Reads the time and states.
pub(super) static READ: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new(include_str!("read.lua").to_owned()));

/// Writes states by compare-and-set.
pub(super) static WRITE: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new(include_str!("write.lua").to_owned()));

/// Holds states for a decision over several hash slots.
pub(super) static HOLD: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new(include_str!("decide/hold.lua").to_owned()));

/// Acquires a concurrency permit.
pub(super) static ACQUIRE: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new(include_str!("concurrency/take.lua").to_owned()));

/// Uses all commands of decisions, before a connection is used.
pub(super) static PROBE: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new(include_str!("connection/probe.lua").to_owned()));

/// All scripts that requests run.
pub(super) fn all() -> [&'static LuaScript; 5] {
    [&DECIDE, &READ, &WRITE, &HOLD, &ACQUIRE]
}

/// The number of the step of a token, which is not the number of a strategy.
pub(super) const TOKEN_STEP: u8 = 255;

/// Returns the number of a step in [`DECIDE`].
pub(super) fn step_number(lua: &'static Lua) -> Option<u8> {
    let index = IN_LUA.iter().position(|known| std::ptr::eq(*known, lua));
    index.and_then(|index| u8::try_from(index + 1).ok())
}

/// Returns the Lua function that creates the step with a given number. Each call of the script creates only the
/// steps that it needs.
fn step_functions() -> String {
    let mut text = String::from("local function step(which, arguments)\n");
    for (index, Lua(source)) in IN_LUA.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "if which == {} then\n{source}\nend", index + 1);
    }
    let _ = writeln!(text, "if which == {TOKEN_STEP} then\n{}\nend", include_str!("batch/once.lua"));
    text + "end\n"
}
