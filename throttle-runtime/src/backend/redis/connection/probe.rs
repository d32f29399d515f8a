//! Probes a new connection with one harmless decision, to find servers that can never decide.

use redis::{ConnectionAddr, ErrorKind as Kind, Pipeline, RedisError, ServerErrorKind, Value};

use super::shared::Connection;
use crate::backend::redis::scripts::{PROBE, READ};
use crate::error::{BackendError, ErrorKind};

/// The oldest version that has everything that the scripts use.
const MIN_VERSION: (u32, u32) = (6, 2);

/// The probe of a server: its address, and a key that may be written there.
pub(super) struct Probe<'a> {
    pub(super) address: &'a ConnectionAddr,
    pub(super) key: &'a str,
}

impl Probe<'_> {
    /// The number of commands that the probe adds.
    pub(super) const COMMANDS: usize = 2;

    /// Adds a decision by each of the two commands that decisions use.
    pub(super) fn add_to(&self, pipeline: &mut Pipeline) {
        pipeline.cmd("EVAL").arg(&PROBE.text).arg(1).arg(self.key);
        pipeline.cmd("EVALSHA").arg(&READ.sha).arg(1).arg(self.key);
    }

    /// Reads the replies of the server. Fails if no decision can ever succeed there.
    pub(super) async fn read(
        &self,
        replies: Vec<Value>,
        connection: &Connection,
    ) -> Result<(), BackendError> {
        let mut replies = replies.into_iter();
        let (probe, read) = (replies.next().unwrap_or(Value::Nil), replies.next().unwrap_or(Value::Nil));
        let problem = match probe.extract_error() {
            Ok(Value::Array(failed)) => self.missing(&failed),
            // Any other reply comes from a proxy. Requests will find out more about it.
            Ok(_) => None,
            Err(error) => self.rejected("EVAL", &error),
        };
        let problem =
            problem.or_else(|| read.extract_error().err().and_then(|error| self.rejected("EVALSHA", &error)));
        match problem {
            None => Ok(()),
            Some(Problem::ReadOnly) => Err(read_only_replica(self.address)),
            Some(Problem::Permission(text)) => Err(BackendError::new(ErrorKind::Store, text)),
            Some(Problem::Missing(text)) => {
                let text = match version(connection).await {
                    Some(version) if is_old(&version) => {
                        let (major, minor) = MIN_VERSION;
                        format!("Redis {major}.{minor} or later is needed, {} is {version}", self.address)
                    }
                    Some(version) => format!("{text} (the version is {version})"),
                    None => text,
                };
                Err(BackendError::new(ErrorKind::Store, text))
            }
        }
    }

    /// Returns the first command of the probe that failed permanently.
    fn missing(&self, failed: &[Value]) -> Option<Problem> {
        failed.chunks_exact(2).find_map(|pair| {
            let (Value::BulkString(command), Value::BulkString(error)) = (&pair[0], &pair[1]) else { return None };
            let (command, error) = (String::from_utf8_lossy(command), String::from_utf8_lossy(error));
            let address = self.address;
            if is_temporary(&error) {
                None
            } else if error.contains("READONLY") {
                Some(Problem::ReadOnly)
            } else if is_permission_error(&error) {
                Some(Problem::Permission(format!(
                    "the user of Redis at {address} may not use {command} in scripts, which decisions need: {error}"
                )))
            } else {
                Some(Problem::Missing(format!("Redis at {address} cannot decide: {command} in scripts fails: {error}")))
            }
        })
    }

    /// Returns why `EVAL` or `EVALSHA` was rejected, if the reason is permanent.
    fn rejected(&self, command: &str, error: &RedisError) -> Option<Problem> {
        let message = server_message(error);
        let address = self.address;
        if error.kind() == Kind::Server(ServerErrorKind::NoScript) || is_temporary(&message) {
            None
        } else if message.contains("READONLY") {
            Some(Problem::ReadOnly)
        } else if message.starts_with("NOPERM") && message.contains("key") {
            let key = self.key;
            Some(Problem::Permission(format!(
                "the user of Redis at {address} may not access keys such as {key:?}, which are those of the namespace: {message}"
            )))
        } else if is_permission_error(&message) {
            let text = format!(
                "the user of Redis at {address} may not use {command}, which decisions need: {message}"
            );
            Some(Problem::Permission(text))
        } else {
            Some(Problem::Missing(format!("Redis at {address} cannot decide: {command} fails: {message}")))
        }
    }
}

/// A permanent problem of a server.
enum Problem {
    ReadOnly,
    Permission(String),
    /// The problem may be caused by the version.
    Missing(String),
}

/// The error for a server that cannot write.
fn read_only_replica(address: &ConnectionAddr) -> BackendError {
    let text = format!("Redis at {address} is a read-only replica and not a master");
    BackendError::new(ErrorKind::Store, text)
}

/// Returns the error message of the server.
fn server_message(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// Whether a decision may succeed later, or on another node, according to the error message.
fn is_temporary(message: &str) -> bool {
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
    // Before Redis 7, the errors of commands in scripts are wrapped in a text.
    codes.iter().any(|code| message.starts_with(code) || message.contains(&format!("-{code} ")))
}

fn is_permission_error(message: &str) -> bool {
    message.contains("NOPERM")
        || message.contains("can't run this command")
        || message.contains("no permissions")
}

/// Returns the version of a server. Two commands report it, because some users may use only one of them.
async fn version(connection: &Connection) -> Option<String> {
    let mut both = Pipeline::with_capacity(2);
    both.cmd("HELLO").cmd("INFO").arg("server");
    let replies = connection.send_all(&both).await.ok()?;
    replies.iter().find_map(version_in)
}

fn version_in(reply: &Value) -> Option<String> {
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    };
    let is_version = |name: &Value| text(name).is_some_and(|name| name == "version");
    match reply {
        Value::Map(pairs) => {
            pairs.iter().find(|(name, _)| is_version(name)).and_then(|(_, version)| text(version))
        }
        Value::Array(all) => {
            all.chunks_exact(2).find(|pair| is_version(&pair[0])).and_then(|pair| text(&pair[1]))
        }
        other => {
            let info = text(other)?;
            let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"))?;
            Some(version.trim().to_owned())
        }
    }
}

fn is_old(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let major_and_minor = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    major_and_minor < MIN_VERSION
}
