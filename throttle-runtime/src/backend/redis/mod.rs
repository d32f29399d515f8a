//! A backend with state in Redis: limits that any number of processes share.
//!
//! The files, from top to bottom. A row imports only rows below it:
//!
//! | file | contents |
//! |---|---|
//! | `builder`, `constructors` | create a backend |
//! | `coordination`, `concurrency/` | shared values, and permits |
//! | `decide/` | selects how a request is decided: |
//! | `decide/scripted`, `decide/worker` | by one script for several requests: one round trip |
//! | `decide/in_process` | by the strategies in this process, with compare-and-set: two round trips |
//! | `decide/cross_slot`, `decide/hold`, `decide/commit` | over several hash slots: held, evaluated, written |
//! | `refund`, `reset` | refunds, resets of identities, and the reset of the namespace |
//! | `compare_and_set` | reads states, and writes them if they are unchanged |
//! | `engine`, `deny_cache` | the parts that all operations share; cached denials |
//! | `target`, `router` | the servers as configured; the server of each hash slot |
//! | `cluster/` | the nodes of a cluster, the refresh of the slot map, and redirected requests |
//! | `connection/` | opens connections, holds the connection in use, and finds out that a server does not respond |
//! | `batch/` | several requests in one call: the queue, the arguments and the reply |
//! | `request`, `token` | the limits and states of all charges; tokens by which Redis recognises a retry |
//! | `partition`, `hash_slot` | which states share a hash slot |
//! | `scripts`, `keys`, `codec` | the scripts; keys and values |
//! | `errors`, `backoff` | whether a failed request charged anything; pauses before the next attempt |

mod backoff;
mod batch;
mod builder;
mod cluster;
mod codec;
mod compare_and_set;
mod concurrency;
mod connection;
mod constructors;
mod coordination;
mod decide;
mod deny_cache;
mod engine;
mod errors;
mod hash_slot;
mod keys;
mod partition;
mod refund;
mod request;
mod reset;
mod router;
mod scripts;
mod target;
mod token;

use std::fmt;
use std::time::Duration;

use super::{Backend, Charge, ConcurrencyStore, CoordinationStore, Mode, Reply, Resets, Verdict};
use crate::strategy::Strategy;
use crate::util::now_or_later::NowOrLater;
pub use builder::RedisBuilder;
use engine::Engine;
use request::Request;

/// How long closing a backend waits for requests that are about to release their permits.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// A backend whose state is in a Redis server (6.2 or later, or Valkey). Any number of processes share it.
///
/// **Warning:** if Redis evicts keys, limits start again. Set `maxmemory-policy noeviction`. If the memory is
/// then full, requests above their limit are still denied, and all others fail.
///
/// - **Round trips**: a decision takes one, however many limits it checks. A script reads the server's clock
///   and all states, and then charges all limits or none. Custom strategies, and numbers that are too large for
///   a script (numbers in Lua have 53 bits), take two round trips, and more if other processes write in
///   between.
/// - **Clock**: the time is that of the server, where states expire when they are no longer needed. If that
///   clock jumps, clients gain at most what the strategy admits immediately, and no client is blocked for
///   longer than the strategy's own wait.
/// - **Connections**: requests never wait for a connection. Without a connection, they fail immediately, and
///   `on_error` of the throttle decides what happens to them. A background task reconnects. If a server does
///   not respond, requests wait for their timeout. After three such requests in a row and a `PING` without
///   reply, the connection is replaced.
/// - **Startup check**: each connection begins with a probe that uses every command of a decision. A server
///   that can never decide fails at startup, with the reason in one line. Examples are a version before 6.2, a
///   Lua without `struct`, disabled scripts, a read-only replica, a user without permission for a command or
///   for the keys of the namespace, and a server that is not Redis. While the program runs, such a server
///   counts as not connected. Requests then fail with that reason, and are not sent.
/// - **Protocol**: RESP2 is enough, so proxies without `HELLO` can be used. `?protocol=resp3` at the end of a
///   URL requests RESP3. With TLS, RESP3 is tried first. With TLS and RESP2, a lost connection is noticed only
///   by the next request.
/// - **Retries**: a charge is sent at most once, unless its throttle [retries after
///   timeouts](crate::Recovery::retry_on). The attempts of such a decision share an idempotency token, which is
///   stored with the charge as an additional state. A retry that finds the token charges nothing. The token is
///   kept for the time budget of the throttle plus ten seconds.
/// - **Errors**: an error is [certain](crate::BackendError::is_safe_to_retry) to have charged nothing in the
///   cases below. A request that was sent and received no reply is in doubt.
///   - The request was not sent, or failed before it wrote.
///   - The server rejected it before its script ran or at the script's first write. Examples are a server that
///     is loading, is busy, is no master, cannot save or has no memory.
///   - The request only reads.
///   - The request waited until its timeout for states that another decision holds.
/// - **Cached denials**: a denial is repeated from memory for up to one second, as long as the strategy would
///   deny the request. Floods of denied requests do not reach Redis. Therefore, a
///   [reset](crate::Registry::reset) or a refund by another process may take effect one second later.
/// - **Concurrency limits**: the requests [in flight](crate::Settings::max_concurrent) are a sorted set for each
///   identity, by the clock of the server. A permit is acquired in one round trip and released in the
///   background. If a process ends, its permits are free after their [lease](crate::Settings::permit_ttl), even if
///   the clock jumps back. If the clock jumps ahead, permits are free immediately, and as many additional
///   requests may be admitted until half a lease later. A reset keeps all permits.
/// - **Keys and values**: Redis keys contain digests, not the keys of the throttles. A state is kept for longer
///   than it is needed: for up to eight of its periods, bounded to 1–60 seconds, or for 60 seconds if it was
///   written by compare-and-set. Values are the words of a [`State`](crate::strategy::State). A reset of everything
///   leaves one key without expiry, `<namespace>:reset`, so that refunds of earlier charges have no effect.
///
/// With the feature `redis-tls`, a URL that begins with `rediss://` is connected with TLS. The cryptography is
/// the `CryptoProvider` of rustls that the application has installed, or else that of `ring`. The feature
/// `redis-tls-aws-lc-rs` uses `aws-lc-rs` instead of `ring`. With both features, `ring` is used.
///
/// A dedicated user for the namespace `throttle` needs only the following permissions, and `+select` for a
/// [database](RedisBuilder::database) other than 0, and `+cluster|slots +cluster|info +asking` for a cluster:
///
/// ```text
/// ACL SETUSER throttle on >password ~throttle:* +ping +role +script|load +evalsha +eval +time +get +mget +set +setrange +del +scan +unlink +zadd +zcard +zrem +zrangebyscore +zremrangebyscore +pexpire
/// ```
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
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub struct Redis {
    engine: Engine,
    /// The address of the server, for `Debug`.
    address: String,
}

impl Redis {
    /// Returns whether the backend is connected; on a cluster, to each master.
    pub fn is_connected(&self) -> bool {
        self.engine.router.is_connected()
    }
}

impl Backend for Redis {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        let request = Request::new(charges, mode);
        // A cached denial does not tell whether an earlier attempt was charged.
        let cached = if request.tokens.is_retry() { None } else { self.engine.cached_denial(&request) };
        match cached {
            Some(verdict) => NowOrLater::now(Ok(verdict)),
            None => NowOrLater::watched(async move {
                let request = request.with_keys(&self.engine.namespace);
                self.engine.decide(&request).await
            }),
        }
    }

    /// Returns a cached denial.
    fn decide_at_once(&self, charges: &[Charge<'_>], mode: Mode) -> Option<Verdict> {
        if self.engine.may_be_cached(mode) {
            self.engine.cached_denial(&Request::new(charges, mode))
        } else {
            None
        }
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        NowOrLater::later(async move {
            let namespace = &self.engine.namespace;
            let request = Request::new(charges, Mode::Consume)
                .with_reset_marks()
                .with_keys(namespace)
                .with_global_reset_mark(namespace);
            self.engine.refund(&request, at).await
        })
    }

    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        NowOrLater::later(async move {
            let request =
                Request::new(charges, Mode::Consume).with_reset_marks().with_keys(&self.engine.namespace);
            self.engine.forget(&request).await
        })
    }

    /// Connects, and loads all scripts into the server.
    fn initialize(&self) -> Reply<'_, ()> {
        NowOrLater::later(self.engine.router.connect())
    }

    /// Deletes the states of this namespace. Nothing else in the database is changed.
    fn reset(&self) -> Reply<'_, ()> {
        NowOrLater::later(self.engine.reset())
    }

    /// Waits for permits that are about to be released, for at most 500 milliseconds.
    fn close(&self) -> Reply<'_, ()> {
        if self.engine.leases.is_over() {
            self.engine.router.close();
            return NowOrLater::now(Ok(()));
        }
        NowOrLater::later(async {
            self.engine.leases.end(CLOSE_TIMEOUT).await;
            self.engine.router.close();
            Ok(())
        })
    }

    fn coordination_store(&self) -> Option<&dyn CoordinationStore> {
        Some(self)
    }

    fn concurrency_store(&self) -> Option<&dyn ConcurrencyStore> {
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
            .field("servers", &self.engine.router)
            .finish_non_exhaustive()
    }
}
