//! In Redis: limits that any number of processes share.

mod board;
mod builder;
mod cluster;
mod compare;
mod connect;
mod denied;
mod engine;
mod failure;
mod names;
mod places;
mod question;
mod reset;
mod scripted;
mod scripts;
mod servers;
mod stored;
mod token;

use std::fmt;
use std::time::Duration;

pub use self::builder::RedisBuilder;
use self::connect::Place;
use self::engine::Engine;
use self::question::Question;
use super::{Backend, Board, Charge, Mode, Places, Reply, Resets, Verdict};
use crate::strategy::Strategy;
use crate::{ConfigError, Soon};

/// How long the end of a backend waits for those that are about to free their places.
const AT_THE_END: Duration = Duration::from_millis(500);

/// State in a Redis server (6.2 or later, or Valkey), which any number of processes share.
///
/// - A decision is one round trip, however many limits it is about: a script that reads the server's clock and all
///   states, and then charges all limits or none. Strategies of your own, and numbers that are too large for a
///   script (those of Lua have 53 bits), take two round trips, and more if others get in between.
/// - The clock is the server's. States expire there when they say nothing any more. A jump of that clock gives no more
///   than what is admitted at once, and locks nobody out for longer than the strategy says.
/// - Requests never wait for a connection. Without one they fail at once, and the throttle's `on_error` says what
///   becomes of them; a task in the background connects again. A server that answers nothing costs the deadline,
///   until the connection is given up after three requests in a row and a `PING`.
/// - Each connection begins with a probe that uses every command of a decision. A server that can never decide fails at
///   startup, with the reason in one line: a version before 6.2, a Lua without `struct`, scripts that are disabled, a
///   read-only replica, a user who may not use a command or the keys of the namespace, or a server that is not Redis. While
///   the program runs, such a server counts as not connected, and the requests fail by that line without being sent.
/// - RESP2 is enough, so proxies without `HELLO` can be used. `?protocol=resp3` at the end of a URL requests RESP3. With
///   TLS, RESP3 is tried first; by RESP2, a lost TLS connection is noticed by the next request.
/// - A charge is sent at most once, unless its throttle [retries after timeouts](crate::Recovery::retry_on). The attempts of
///   such a decision share an idempotency token, which is stored with the charge as one more state: a retry that finds it
///   charges nothing. The token is kept for the time budget of the throttle and ten seconds more.
/// - Of an error it is [certain](crate::BackendError::is_nothing_charged) that nothing was charged if the request was
///   not sent, if the server refused it before its script ran or at the script's first write (as while it loads, is
///   busy, is no master, cannot save or has no memory), if it failed before it wrote, if it only asked, or if it waited
///   until its deadline for states that another decision holds; a request that was sent and got no answer is in doubt.
/// - What was denied is denied from memory for up to a second, as long as the strategy would: floods of denied
///   requests do not reach Redis. So a [reset](crate::Registry::reset) or a refund by another process may take
///   that second to be noticed.
/// - Who is [in flight](crate::Settings::concurrent) is a sorted set for each identity, by the clock of the server. A place
///   is taken in one round trip and freed behind the back of the request. Those of a process that is gone are free
///   after their [lease](crate::Settings::lease), also if the clock jumps back; if it jumps ahead they are free at once, and as many more may
///   come until half a lease later. A reset forgets none of them.
/// - Names of states hold digests, not keys. A state is kept for longer than it matters: for up to eight of its periods,
///   but at least a second, and for a minute where it was compared and set. Values are the words of a [`State`](crate::strategy::State).
///
/// With the feature `redis-tls`, a URL that begins with `rediss://` is connected to by TLS. The algorithms are those that
/// the application has installed as rustls's `CryptoProvider`, or else those of `ring`.
///
/// A user of its own, where the namespace is `throttle`, needs no more than this, and `+select` for a
/// [database](RedisBuilder::database) with another number:
///
/// ```text
/// ACL SETUSER throttle on >password ~throttle:* +ping +role +script|load +evalsha +eval +time +get +mget +set +setrange +del +scan +unlink +zadd +zcard +zrem +zrangebyscore +zremrangebyscore +pexpire
/// ```
///
/// Where Redis makes room by evicting keys, limits are forgotten: let it refuse instead (`noeviction`). Requests that
/// do not fit are still denied then, and those that would are failures.
///
/// ```no_run
/// use throttle::{backend::Redis, registry, throttle};
///
/// #[throttle(rate = "100/min", backend = "redis")]
/// async fn items() -> &'static str { "ok" }
///
/// # async fn start() -> Result<(), throttle::ConfigError> {
/// registry().backend("redis", Redis::new("redis://127.0.0.1:6379")?).install().await?;
/// # Ok(())
/// # }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
/// ```
pub struct Redis {
    engine: Engine,
    /// Where the server is.
    address: String,
}

impl Redis {
    /// A backend with the default settings: see [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// If the URL is none of Redis.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        Self::builder(url).build()
    }

    /// A backend with other settings, on the server with this URL: `redis://[[user]:password@]host[:port][/database]`,
    /// the same with `rediss://` for TLS, or `unix:///path?db=database`.
    pub fn builder(url: &str) -> RedisBuilder {
        RedisBuilder::new(Place::at(url))
    }

    /// A backend on the master of this name, wherever these sentinels say that it is. They are asked before each
    /// connection, so that after a failover the limits go on at the new master, with what had reached it by then.
    ///
    /// A user and a password in a URL, `redis://[[user]:password@]host[:port]`, are for that sentinel. Those for the
    /// master are said by the builder, and so is the database.
    ///
    /// ```no_run
    /// use throttle::backend::Redis;
    ///
    /// # fn main() -> Result<(), throttle::ConfigError> {
    /// let sentinels = ["redis://10.0.0.1:26379", "redis://10.0.0.2:26379", "redis://10.0.0.3:26379"];
    /// let redis = Redis::sentinel(sentinels, "mymaster").username("throttle").password("secret").build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// - One sentinel that answers is enough. One that does not is waited for no longer than a tenth of a second
    ///   before the next one is asked as well, and each process begins with another one.
    /// - A server that says that it is no master is not used.
    /// - Replication is not waited for: what was charged in the last moment before a failover may be free again, and
    ///   while a master that was cut off does not know it yet, those who still reach it are decided there. Redis
    ///   bounds that by `min-replicas-to-write` and `min-replicas-max-lag`.
    pub fn sentinel<U: AsRef<str>>(
        urls: impl IntoIterator<Item = U>,
        master: impl Into<String>,
    ) -> RedisBuilder {
        RedisBuilder::new(Place::watched(urls, master.into()))
    }

    /// A backend on a cluster, some of whose nodes have these URLs. The others are learnt from whichever of them answers,
    /// and learnt again whenever one is lost or says that something has changed.
    ///
    /// What the first URL says beside its address, `redis://[[user]:password@]host[:port]`, is for all nodes, as is what
    /// the builder says; the other URLs say the same or only where a node is. A cluster has one database, of the number 0.
    ///
    /// ```no_run
    /// use throttle::backend::Redis;
    ///
    /// # fn main() -> Result<(), throttle::ConfigError> {
    /// let nodes = ["redis://10.0.0.1:6379", "redis://10.0.0.2:6379", "redis://10.0.0.3:6379"];
    /// let redis = Redis::cluster(nodes).username("throttle").password("secret").build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// - All limits of one client are in one place, so that a decision about them is one round trip. A decision that
    ///   several clients pay for, as those of two throttles with different keys on one handler, holds their states for
    ///   two round trips to each place: exact, and charged to all of them or to none unless a node fails in between.
    /// - Each node is connected to by itself: one that is gone or hangs costs nothing to those whose limits are
    ///   elsewhere, unless the cluster itself refuses everything meanwhile (`cluster-require-full-coverage`).
    /// - A request that a node sends on to another one ran nowhere, so it goes there, once. While a hash slot moves,
    ///   a decision about several states of which the new node has none or only some fails, as Redis has it.
    /// - After a failover, what was charged in the last moment before it may be free again, as replication is not
    ///   waited for.
    pub fn cluster<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> RedisBuilder {
        RedisBuilder::new(Place::spread(urls))
    }

    /// Whether there is a connection; on a cluster, one to each master.
    pub fn is_connected(&self) -> bool {
        self.engine.servers.is_connected()
    }
}

impl Backend for Redis {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        let question = Question::new(charges, mode);
        // A remembered denial does not tell whether an earlier attempt was charged.
        let known = if question.tokens.is_retry() { None } else { self.engine.recall(&question) };
        match known {
            Some(verdict) => Soon::now(Ok(verdict)),
            None => Soon::watched(async move {
                let question = question.named(&self.engine.namespace);
                self.engine.decide(&question).await
            }),
        }
    }

    /// Who is known to be denied.
    fn decide_at_once(&self, charges: &[Charge<'_>], mode: Mode) -> Option<Verdict> {
        if self.engine.knows_any(mode) { self.engine.recall(&Question::new(charges, mode)) } else { None }
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        Soon::later(async move {
            let namespace = &self.engine.namespace;
            let question =
                Question::new(charges, Mode::Take).with_marks().named(namespace).with_reset(namespace);
            self.engine.refund(&question, at).await
        })
    }

    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        Soon::later(async move {
            let question = Question::new(charges, Mode::Take).with_marks().named(&self.engine.namespace);
            self.engine.forget(&question).await
        })
    }

    /// Connects, and has the server know all scripts that are needed so far.
    fn initialize(&self) -> Reply<'_, ()> {
        Soon::later(self.engine.servers.connect())
    }

    /// Forgets the states of this namespace; nothing else in the database is touched.
    fn reset(&self) -> Reply<'_, ()> {
        Soon::later(self.engine.reset())
    }

    /// Places that are about to be free again are freed first.
    fn close(&self) -> Reply<'_, ()> {
        if self.engine.leases.is_over() {
            self.engine.servers.close();
            return Soon::now(Ok(()));
        }
        Soon::later(async {
            self.engine.leases.end(AT_THE_END).await;
            self.engine.servers.close();
            Ok(())
        })
    }

    fn board(&self) -> Option<&dyn Board> {
        Some(self)
    }

    fn places(&self) -> Option<&dyn Places> {
        Some(self)
    }

    fn recognises_retries(&self, _: &dyn Strategy) -> bool {
        true
    }

    fn resets(&self) -> Option<&Resets> {
        Some(&self.engine.resets)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("address", &self.address)
            .field("namespace", &self.engine.namespace)
            .field("servers", &self.engine.servers)
            .finish_non_exhaustive()
    }
}
