//! One command per decision, pipelined over one connection of redis-rs.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Value};

use crate::memory::Algorithm;
use crate::redis::cell::Limit;
use crate::redis::decide::{Decide, Failure, TIMEOUT};

/// A command with arguments before and after the key.
pub(super) struct Command {
    connection: MultiplexedConnection,
    before: Vec<String>,
    after: Vec<String>,
    /// Returns whether a reply whose first number is this one admits the key.
    passes: Box<dyn Fn(i64) -> bool + Send + Sync>,
}

impl Decide for Command {
    async fn decide(&self, key: &str) -> Result<bool, Failure> {
        let mut command = Cmd::new();
        command.arg(&self.before).arg(key).arg(&self.after);
        let first = match command.query_async(&mut self.connection.clone()).await? {
            Value::Array(values) => values.into_iter().next().unwrap_or(Value::Nil),
            value => value,
        };
        match first {
            Value::Int(first) => Ok((self.passes)(first)),
            other => Err(format!("{:?} is answered by {other:?}", self.before).into()),
        }
    }
}

impl Command {
    async fn new(
        url: &str,
        before: &[&str],
        after: &[u128],
        passes: impl Fn(i64) -> bool + Send + Sync + 'static,
    ) -> Result<Self, Failure> {
        Ok(Self {
            connection: connection(url).await?,
            before: before.iter().map(|&word| word.to_owned()).collect(),
            after: after.iter().map(u128::to_string).collect(),
            passes: Box::new(passes),
        })
    }
}

/// Empties a Redis server, so that the keys of earlier subjects do not affect the next one.
pub(crate) async fn forget(url: &str) -> Result<(), Failure> {
    Ok(redis::cmd("FLUSHALL").query_async(&mut connection(url).await?).await?)
}

/// Opens a connection with the defaults of redis-rs, but with the same timeout as this library's.
async fn connection(url: &str) -> Result<MultiplexedConnection, Failure> {
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(TIMEOUT));
    Ok(Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await?)
}

/// Increments a counter. Makes no decision.
pub(super) async fn incr(url: &str) -> Result<Command, Failure> {
    Command::new(url, &["INCR"], &[], |_| true).await
}

/// The script of an algorithm, called by its hash after it was loaded.
pub(super) async fn script(url: &str, algorithm: Algorithm, limit: Limit) -> Result<Command, Failure> {
    let text = match algorithm {
        Algorithm::FixedWindow => include_str!("fixed_window.lua"),
        Algorithm::Gcra => include_str!("gcra.lua"),
    };
    let mut load = redis::cmd("SCRIPT");
    let sha: String = load.arg("LOAD").arg(text).query_async(&mut connection(url).await?).await?;
    let before = ["EVALSHA", &sha, "1"];
    match algorithm {
        Algorithm::FixedWindow => {
            let passes = move |used| u64::try_from(used).is_ok_and(|used| used <= limit.count);
            Command::new(url, &before, &[limit.period.as_millis()], passes).await
        }
        Algorithm::Gcra => {
            let interval = limit.period.as_micros() / u128::from(limit.count);
            let tolerance = interval * u128::from(limit.burst - 1);
            Command::new(url, &before, &[interval, tolerance], |passed| passed == 1).await
        }
    }
}

/// redis-cell: GCRA as a command of the server. It admits one more than its first argument at once.
pub(super) async fn cell(url: &str, limit: Limit) -> Result<Command, Failure> {
    let after = [u128::from(limit.burst - 1), u128::from(limit.count), limit.period.as_secs().into()];
    Command::new(url, &["CL.THROTTLE"], &after, |limited| limited == 0).await
}

/// throttlecrab-server: GCRA in a separate server that speaks the Redis protocol.
pub(super) async fn throttlecrab(url: &str, limit: Limit) -> Result<Command, Failure> {
    let after = [u128::from(limit.burst), u128::from(limit.count), limit.period.as_secs().into()];
    Command::new(url, &["THROTTLE"], &after, |passed| passed == 1).await
}
