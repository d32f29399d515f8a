//! A backend with state in Memcached, for services that run Memcached and no Redis.
//!
//! Memcached is a [`Store`](crate::backend::Store) with compare-and-set.
//!
//! | file | contents |
//! |---|---|
//! | `store` | implements `Store` |
//! | `entries`, `entry` | reads and writes entries, and their format |
//! | `routing` | the server of a key |
//! | `connection`, `request`, `driver` | the handle for requests, its messages, and the task of a connection |
//! | `probe` | checks a server before its connection is used |
//! | `protocol` | requests and replies as bytes |
//! | `cas_cache` | versions of values that were read |

mod cas_cache;
mod connection;
mod driver;
mod entries;
mod entry;
#[cfg(all(test, feature = "testkit"))]
mod port;
mod probe;
mod protocol;
mod request;
mod routing;
#[cfg(all(test, feature = "testkit"))]
#[expect(dead_code, reason = "a test of the store needs its address only")]
mod server;
#[cfg(all(test, feature = "testkit"))]
mod signal;
mod store;
#[cfg(all(test, feature = "testkit"))]
mod tests;

use std::fmt;
use std::sync::Arc;

use super::{Backend, Charge, CoordinationStore, Mode, Reply, Resets, StoreBackend, Verdict};
use crate::clock::{Clock, SystemClock};
use crate::strategy::Strategy;
use entries::Servers;
use routing::Nodes;

/// A backend whose state is in one or more Memcached servers (1.6 or later). All processes that use the same
/// servers share the state.
///
/// - **Exact**: a decision reads the state and writes it back by compare-and-swap. If another process has
///   changed the state in between, the decision starts again. No locks are taken.
/// - **Round trips**: an admission takes two, a denial takes one. A decision about several identities, such as
///   in a handler with several throttles, also takes one for a denial. An admission then takes four more for
///   each identity.
/// - **Time** is that of this process. Each value contains its expiry time in microseconds, because Memcached
///   itself expires entries in whole seconds. If the clocks of two processes differ, their clients are admitted
///   earlier or later by the difference.
/// - **Several servers** share the identities by rendezvous hashing. If a server is unreachable, the decisions
///   about its own identities fail; `on_error` decides what happens to those requests.
/// - **Startup check**: a server that can never decide fails at startup, with the reason in one line. Examples
///   are a version without meta commands, a Redis server and an HTTP server. Each connection begins with a
///   probe that stores, reads and deletes an entry of its own.
/// - **Errors**: an error is [certain](crate::BackendError::is_safe_to_retry) to have charged nothing if
///   there was no connection, if reading failed, or if the server rejected the write. A write that was sent and
///   received no reply is in doubt.
/// - **A reset** starts a new generation of the namespace on every server. Entries of the old generation are
///   ignored, and expire.
///
/// **Warning:** Memcached evicts the least recently used entries when its memory is full, and loses all entries
/// when it restarts. The affected limits then start again. Give Memcached enough memory, or use Redis.
///
/// ```no_run
/// use throttle::backend::Memcached;
///
/// # async fn example() -> Result<(), throttle::ConfigError> {
/// throttle::registry()
///     .backend("memcached", Memcached::new(["10.0.0.1:11211", "10.0.0.2:11211"]).namespace("shop"))
///     .install()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "memcached")))]
pub struct Memcached {
    addresses: Vec<String>,
    namespace: String,
    clock: Arc<dyn Clock>,
    stored: StoreBackend<Servers>,
}

impl Memcached {
    /// Creates a backend on these servers, given as host and port. All processes have to name the same servers,
    /// in any order. The backend connects at the first use.
    ///
    /// # Default
    ///
    /// The namespace is `throttle`, and the clock is the system clock.
    pub fn new(addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let addresses = addresses.into_iter().map(Into::into).collect();
        Self::made(addresses, "throttle".to_owned(), Arc::new(SystemClock::new()))
    }

    /// Sets the namespace, which separates this program's state from that of other programs on the same
    /// servers.
    ///
    /// # Default
    ///
    /// `throttle`
    #[must_use]
    pub fn namespace(self, namespace: &str) -> Self {
        Self::made(self.addresses, namespace.to_owned(), self.clock)
    }

    /// Sets another clock, such as a [`ManualClock`](crate::ManualClock).
    ///
    /// ```no_run
    /// use throttle::{ManualClock, backend::Memcached};
    ///
    /// let clock = ManualClock::new();
    /// let memcached = Memcached::new(["127.0.0.1:11211"]).clock(clock.clone());
    /// ```
    ///
    /// # Default
    ///
    /// The system clock.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self::made(self.addresses, self.namespace, Arc::new(clock))
    }

    fn made(addresses: Vec<String>, namespace: String, clock: Arc<dyn Clock>) -> Self {
        let servers = Servers::new(Nodes::new(addresses.iter().cloned()), Arc::clone(&clock));
        let stored = StoreBackend::new(servers).clock(Arc::clone(&clock)).namespace(&namespace);
        Self { addresses, namespace, clock, stored }
    }
}

impl Backend for Memcached {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        self.stored.decide(charges, mode)
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.stored.refund(charges, at)
    }

    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        self.stored.forget(charges)
    }

    fn initialize(&self) -> Reply<'_, ()> {
        self.stored.initialize()
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.stored.reset()
    }

    fn close(&self) -> Reply<'_, ()> {
        self.stored.close()
    }

    fn coordination_store(&self) -> Option<&dyn CoordinationStore> {
        self.stored.coordination_store()
    }

    fn recognises_retries(&self, strategy: &dyn Strategy) -> bool {
        self.stored.recognises_retries(strategy)
    }

    fn resets(&self) -> Option<&Resets> {
        self.stored.resets()
    }
}

impl fmt::Debug for Memcached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { addresses, namespace, .. } = self;
        let mut debug = f.debug_struct("Memcached");
        debug.field("addresses", addresses).field("namespace", namespace).finish_non_exhaustive()
    }
}
