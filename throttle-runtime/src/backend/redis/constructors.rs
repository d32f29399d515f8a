//! Creates a backend for one server, for sentinels or for a cluster.

use super::Redis;
use super::builder::RedisBuilder;
use super::target::Target;
use crate::error::ConfigError;

impl Redis {
    /// Creates a backend with the default settings: see [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// If the URL is rejected: see [`RedisBuilder::build`].
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        Self::builder(url).build()
    }

    /// Returns a builder for a backend on the server with this URL. The URL has one of these forms:
    ///
    /// - `redis://[[user]:password@]host[:port][/database]`
    /// - the same with `rediss://`, for TLS
    /// - `unix:///path?db=database`
    pub fn builder(url: &str) -> RedisBuilder {
        RedisBuilder::new(Target::server(url))
    }

    /// Returns a builder for a backend on the master with this name, at the address that the sentinels report.
    /// The sentinels are queried before each connection. Therefore, after a failover the limits continue on the
    /// new master, with the states that were replicated to it before.
    ///
    /// The user and password in a URL, `redis://[[user]:password@]host[:port]`, apply to that sentinel. Set the
    /// credentials and the database of the master on the builder.
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
    /// - One reachable sentinel is enough. If a sentinel does not respond within 100 milliseconds, the next one
    ///   is queried as well. The first one is chosen at random.
    /// - A server that reports that it is not a master is not used.
    /// - Replication is not waited for, so charges from the last moment before a failover may be lost. While a
    ///   master that is cut off does not know it yet, it still decides for the clients that reach it. Redis
    ///   bounds this by `min-replicas-to-write` and `min-replicas-max-lag`.
    pub fn sentinel<U: AsRef<str>>(
        urls: impl IntoIterator<Item = U>,
        master: impl Into<String>,
    ) -> RedisBuilder {
        RedisBuilder::new(Target::sentinels(urls, master.into()))
    }

    /// Returns a builder for a backend on a cluster. The URLs are those of some of its nodes. The backend
    /// learns the other nodes from the first node that responds. It learns them again whenever a node is lost
    /// or reports a change.
    ///
    /// The settings in the first URL, `redis://[[user]:password@]host[:port]`, and the settings of the builder
    /// apply to all nodes. The other URLs contain the same credentials or none. A cluster only has the database
    /// 0.
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
    /// - All limits of one client are in one hash slot, so a decision about them takes one round trip. Some
    ///   decisions charge several clients, for example those of two throttles with different keys on one
    ///   handler. Such a decision holds the states for two round trips to each hash slot. It is exact, and
    ///   charges all clients or none, unless a node fails in between.
    /// - Each node has its own connection. A node that is unreachable or hangs does not affect clients whose
    ///   limits are on other nodes, unless the cluster itself rejects all requests meanwhile
    ///   (`cluster-require-full-coverage`).
    /// - A request that a node redirects was not executed there, so it is sent to the other node, once. While a
    ///   hash slot migrates, Redis rejects a decision about several states of which the new node has none or
    ///   only some.
    /// - Replication is not waited for, so charges from the last moment before a failover may be lost.
    pub fn cluster<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> RedisBuilder {
        RedisBuilder::new(Target::cluster(urls))
    }
}
