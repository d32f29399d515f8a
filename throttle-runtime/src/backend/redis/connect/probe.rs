//! Whether a server can decide at all: found out by one harmless decision before the connection is used.

use redis::{ConnectionAddr, ErrorKind as Kind, Pipeline, RedisError, ServerErrorKind, Value};

use super::connection::Connection;
use crate::backend::redis::scripts::{PROBE, READ};
use crate::{BackendError, ErrorKind};

/// The oldest version that has all that scripts use.
const NEEDED: (u32, u32) = (6, 2);

/// A server that is probed: its address, and a key that it may write.
pub(super) struct Probe<'a> {
    pub(super) address: &'a ConnectionAddr,
    pub(super) key: &'a str,
}

impl Probe<'_> {
    /// How many commands it adds.
    pub(super) const COMMANDS: usize = 2;

    /// A decision by either command that decisions are made by.
    pub(super) fn add_to(&self, pipeline: &mut Pipeline) {
        pipeline.cmd("EVAL").arg(&PROBE.text).arg(1).arg(self.key);
        pipeline.cmd("EVALSHA").arg(&READ.sha).arg(1).arg(self.key);
    }

    /// What the server answered: fails if no decision can succeed there.
    pub(super) async fn read(
        &self,
        answers: Vec<Value>,
        connection: &Connection,
    ) -> Result<(), BackendError> {
        let mut answers = answers.into_iter();
        let (probe, read) = (answers.next().unwrap_or(Value::Nil), answers.next().unwrap_or(Value::Nil));
        let found = match probe.extract_error() {
            Ok(Value::Array(failed)) => self.missing(&failed),
            // What is no list of failures is an answer of a proxy, which requests will learn more about.
            Ok(_) => None,
            Err(error) => self.refused("EVAL", &error),
        };
        let found =
            found.or_else(|| read.extract_error().err().and_then(|error| self.refused("EVALSHA", &error)));
        match found {
            None => Ok(()),
            Some(Found::ReadOnly) => Err(replica(self.address)),
            Some(Found::Permission(text)) => Err(BackendError::new(ErrorKind::Store, text)),
            Some(Found::Missing(text)) => {
                let text = match version(connection).await {
                    Some(version) if is_old(&version) => {
                        let (major, minor) = NEEDED;
                        format!("Redis {major}.{minor} or later is needed, {} is {version}", self.address)
                    }
                    Some(version) => format!("{text} (the version is {version})"),
                    None => text,
                };
                Err(BackendError::new(ErrorKind::Store, text))
            }
        }
    }

    /// The first command of the probe that did not work, and never will.
    fn missing(&self, failed: &[Value]) -> Option<Found> {
        failed.chunks_exact(2).find_map(|pair| {
            let (Value::BulkString(command), Value::BulkString(error)) = (&pair[0], &pair[1]) else { return None };
            let (command, error) = (String::from_utf8_lossy(command), String::from_utf8_lossy(error));
            let address = self.address;
            if is_temporary(&error) {
                None
            } else if error.contains("READONLY") {
                Some(Found::ReadOnly)
            } else if is_of_permission(&error) {
                Some(Found::Permission(format!(
                    "the user of Redis at {address} may not use {command} in scripts, which decisions need: {error}"
                )))
            } else {
                Some(Found::Missing(format!("Redis at {address} cannot decide: {command} in scripts fails: {error}")))
            }
        })
    }

    /// Why one of the commands by which decisions are made was refused, if it always will be.
    fn refused(&self, command: &str, error: &RedisError) -> Option<Found> {
        let said = said(error);
        let address = self.address;
        if error.kind() == Kind::Server(ServerErrorKind::NoScript) || is_temporary(&said) {
            None
        } else if said.contains("READONLY") {
            Some(Found::ReadOnly)
        } else if said.starts_with("NOPERM") && said.contains("key") {
            let key = self.key;
            Some(Found::Permission(format!(
                "the user of Redis at {address} may not access keys such as {key:?}, which are those of the namespace: {said}"
            )))
        } else if is_of_permission(&said) {
            let text =
                format!("the user of Redis at {address} may not use {command}, which decisions need: {said}");
            Some(Found::Permission(text))
        } else {
            Some(Found::Missing(format!("Redis at {address} cannot decide: {command} fails: {said}")))
        }
    }
}

/// What is wrong with a server.
enum Found {
    ReadOnly,
    Permission(String),
    /// What may be a matter of the version.
    Missing(String),
}

/// A server that cannot write.
fn replica(address: &ConnectionAddr) -> BackendError {
    let text = format!("Redis at {address} is no master but a read-only replica");
    BackendError::new(ErrorKind::Store, text)
}

/// The words of the server.
fn said(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// Whether a decision may succeed later, or elsewhere, by what a server said.
fn is_temporary(said: &str) -> bool {
    let codes = [
        "OOM",
        "MISCONF",
        "NOREPLICAS",
        "LOADING",
        "BUSY",
        "MASTERDOWN",
        "CLUSTERDOWN",
        "TRYAGAIN",
        "MOVED",
        "ASK",
        "WRONGTYPE",
    ];
    // Before Redis 7 the errors of commands in scripts are wrapped in texts.
    codes.iter().any(|code| said.starts_with(code) || said.contains(&format!("-{code} ")))
}

fn is_of_permission(said: &str) -> bool {
    said.contains("NOPERM") || said.contains("can't run this command") || said.contains("no permissions")
}

/// The version of a server, as it says it by either of two commands: not every user may use both.
async fn version(connection: &Connection) -> Option<String> {
    let mut both = Pipeline::with_capacity(2);
    both.cmd("HELLO").cmd("INFO").arg("server");
    let answers = connection.send_all(&both).await.ok()?;
    answers.iter().find_map(version_in)
}

fn version_in(answer: &Value) -> Option<String> {
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    };
    let is_version = |name: &Value| text(name).is_some_and(|name| name == "version");
    match answer {
        Value::Map(pairs) => {
            pairs.iter().find(|(name, _)| is_version(name)).and_then(|(_, version)| text(version))
        }
        Value::Array(all) => {
            all.chunks_exact(2).find(|pair| is_version(&pair[0])).and_then(|pair| text(&pair[1]))
        }
        other => {
            let told = text(other)?;
            let version = told.lines().find_map(|line| line.strip_prefix("redis_version:"))?;
            Some(version.trim().to_owned())
        }
    }
}

fn is_old(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let major_and_minor = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    major_and_minor < NEEDED
}
