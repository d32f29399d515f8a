//! State in Memcached, for fleets that have one and no Redis.

mod connection;
mod nodes;
mod probe;
mod protocol;
mod seen;
mod servers;
mod store;
#[cfg(all(test, feature = "testkit"))]
mod tests;
mod upkeep;
mod value;

use std::fmt;
use std::sync::Arc;

use self::nodes::Nodes;
use self::servers::Servers;
use super::{Backend, Board, Charge, Mode, Reply, Resets, Stored, Verdict};
use crate::strategy::Strategy;
use crate::{Clock, SystemClock};

/// A backend whose state is in one or more Memcached servers (1.6 or later), shared by all processes that use them.
///
/// - **Exact** by compare-and-swap: a decision reads and then writes what nobody changed in between, or begins
///   anew. No locks are taken.
/// - **Two round trips** for an admission, one for a denial. A decision about several identities, as those of a
///   handler with several throttles, is one for a denial too, and for an admission four more for each identity.
/// - **The time** is that of this process, and each value says to the microsecond until when it holds: Memcached itself
///   forgets in whole seconds only. Processes whose clocks differ let their clients pass earlier or later by as much.
/// - **Several servers** share the identities by rendezvous hashing. One that is gone fails the decisions about its
///   own; `on_error` says what becomes of those requests.
/// - **Memcached forgets** what was used longest ago when its memory is full, and everything when it restarts:
///   those limits begin anew. Give it the memory that it needs, or use Redis.
/// - **A server that can never decide** fails at startup, with the reason in one line: a version without meta commands, a
///   Redis, an HTTP server. Each connection begins with a probe that stores, reads and deletes an entry of its own.
/// - **Of an error it is [certain](crate::BackendError::is_nothing_charged)** that nothing was charged if there was no
///   connection, if reading failed, or if the server refused to write; a write that was sent and got no answer is in
///   doubt.
/// - **A reset** starts a new generation of the namespace on every server; what is left of the old one counts as
///   nothing, and expires.
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
pub struct Memcached {
    addresses: Vec<String>,
    namespace: String,
    clock: Arc<dyn Clock>,
    stored: Stored<Servers>,
}

impl Memcached {
    /// These servers, as host and port, in the namespace `throttle`. All processes have to name the same ones, in any
    /// order. Connects at the first use.
    pub fn new(addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let addresses = addresses.into_iter().map(Into::into).collect();
        Self::made(addresses, "throttle".to_owned(), Arc::new(SystemClock::new()))
    }

    /// What tells this program's state from that of others on the same servers.
    #[must_use]
    pub fn namespace(self, namespace: &str) -> Self {
        Self::made(self.addresses, namespace.to_owned(), self.clock)
    }

    /// Another source of time, such as a [`ManualClock`](crate::ManualClock).
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self::made(self.addresses, self.namespace, Arc::new(clock))
    }

    fn made(addresses: Vec<String>, namespace: String, clock: Arc<dyn Clock>) -> Self {
        let servers = Servers::new(Nodes::new(addresses.iter().cloned()), Arc::clone(&clock));
        let stored = Stored::new(servers).clock(Arc::clone(&clock)).namespace(&namespace);
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

    fn board(&self) -> Option<&dyn Board> {
        self.stored.board()
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
