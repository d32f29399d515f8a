//! The builder of a Redis backend.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "_tls")]
use redis::ClientTlsConfig;

use super::Redis;
use super::deny_cache::DenyCache;
use super::engine::Engine;
use super::target::Target;
use crate::backend::Resets;
use crate::clock::Clock;
use crate::error::ConfigError;
use crate::util::task_tracker::TaskTracker;

/// Settings of a [`Redis`] backend.
///
/// ```no_run
/// use std::time::Duration;
/// use throttle::backend::Redis;
///
/// # fn main() -> Result<(), throttle::ConfigError> {
/// let redis = Redis::builder("redis://10.0.0.1:6379")
///     .username("throttle")
///     .password("secret")
///     .database(2)
///     .namespace("shop")
///     .connect_timeout(Duration::from_secs(1))
///     .max_in_flight(1_024)
///     .remember_denied(false)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until `build()`"]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub struct RedisBuilder {
    target: Target,
    namespace: String,
    max_in_flight: usize,
    remember_denied: bool,
    clock: Option<Arc<dyn Clock>>,
}

impl RedisBuilder {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            namespace: "throttle".to_owned(),
            max_in_flight: 4_096,
            remember_denied: true,
            clock: None,
        }
    }

    /// Sets the namespace: the prefix of all Redis keys of the backend. A reset deletes all states of one
    /// namespace, so use a separate namespace for each service. On a cluster, the namespace must not contain
    /// `{}`.
    ///
    /// # Default
    ///
    /// `throttle`
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Sets the user name for the login. It replaces the user name of the URL. Credentials in the URLs of
    /// sentinels apply only to the sentinels.
    ///
    /// # Default
    ///
    /// The user name of the URL, if any.
    pub fn username(mut self, username: &str) -> Self {
        self.target = self.target.with_login(|settings| settings.set_username(username));
        self
    }

    /// Sets the password for the login. It replaces the password of the URL. The password never appears in
    /// errors, `Debug` output or events.
    ///
    /// # Default
    ///
    /// The password of the URL, if any.
    pub fn password(mut self, password: &str) -> Self {
        self.target = self.target.with_login(|settings| settings.set_password(password));
        self
    }

    /// Sets the number of the database. It replaces the number in the URL. A cluster only has the database 0.
    ///
    /// # Default
    ///
    /// The number in the URL, or else 0.
    pub fn database(mut self, number: u32) -> Self {
        self.target = self.target.with_login(|settings| settings.set_db(number.into()));
        self
    }

    /// Sets the timeout of one attempt to connect. It covers name resolution, TLS, login and the check of the
    /// server. An attempt takes three round trips, one more with TLS, and two more with sentinels. `install`
    /// waits at most five seconds for each backend, and for one backend after the other.
    ///
    /// The error of an attempt that times out names the step that took the time.
    ///
    /// # Default
    ///
    /// 2 seconds
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.target.options.timeout = timeout;
        self
    }

    /// Maps the addresses that sentinels or cluster nodes report, if these cannot be used from this machine:
    /// behind NAT, or with containers. The function receives the reported host and port, and returns the host
    /// and port to connect to.
    ///
    /// URLs in the configuration are not mapped.
    ///
    /// ```
    /// use throttle::backend::Redis;
    ///
    /// # fn main() -> Result<(), throttle::ConfigError> {
    /// // The containers publish their ports on this machine.
    /// let redis = Redis::cluster(["redis://127.0.0.1:7000"])
    ///     .address_map(|_, port| ("127.0.0.1".to_owned(), port))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// Reported addresses are used unchanged.
    #[doc(alias("natMap", "nat_map"))]
    pub fn address_map(mut self, map: impl Fn(&str, u16) -> (String, u16) + Send + Sync + 'static) -> Self {
        self.target.options.address_map = Some(Arc::new(map));
        self
    }

    /// Sets the maximum number of requests that wait for a server; on a cluster, for each node. Further
    /// requests fail immediately.
    ///
    /// # Default
    ///
    /// 4096
    pub const fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = requests;
        self
    }

    /// Sets whether denials are repeated from memory for up to one second, without a request to Redis.
    ///
    /// # Default
    ///
    /// `true`
    pub const fn remember_denied(mut self, on: bool) -> Self {
        self.remember_denied = on;
        self
    }

    /// Sets a clock that replaces the server's clock, such as a [`ManualClock`](crate::ManualClock), for tests.
    /// All processes have to use the same time. States expire one day after they were written, independently of
    /// this clock.
    ///
    /// ```no_run
    /// use throttle::{ManualClock, backend::Redis};
    ///
    /// # fn main() -> Result<(), throttle::ConfigError> {
    /// let clock = ManualClock::new();
    /// let redis = Redis::builder("redis://127.0.0.1:6379").clock(clock.clone()).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// The clock of the Redis server.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Sets whether connections to the server use TLS. With sentinels, the certificate of the master has to be
    /// valid for the host name or address that the sentinels report.
    ///
    /// ```no_run
    /// use throttle::backend::Redis;
    ///
    /// # fn main() -> Result<(), throttle::ConfigError> {
    /// // The sentinels do not use TLS, but the master does.
    /// let redis = Redis::sentinel(["redis://10.0.0.1:26379"], "mymaster").tls(true).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// TLS is used if the URL of the server, or of one of its sentinels, begins with `rediss://`.
    #[cfg(feature = "_tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
    pub const fn tls(mut self, on: bool) -> Self {
        self.target.tls.on = Some(on);
        self
    }

    /// Sets the trusted certificate authorities, in PEM format: one certificate, or several in sequence.
    ///
    /// ```no_run
    /// use throttle::backend::Redis;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let redis = Redis::builder("rediss://redis.internal:6380")
    ///     .root_certificate(std::fs::read("/etc/redis/ca.pem")?)
    ///     .client_certificate(std::fs::read("/etc/service/cert.pem")?, std::fs::read("/etc/service/key.pem")?)
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// The certificate authorities that the machine trusts.
    #[cfg(feature = "_tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.target.tls.root = Some(pem.into());
        self
    }

    /// Sets the client certificate and its key, both in PEM format, for servers that request one. The
    /// certificate is followed by its intermediate certificates. The example of
    /// [`root_certificate`](Self::root_certificate) also sets a client certificate.
    ///
    /// # Default
    ///
    /// No client certificate.
    #[cfg(feature = "_tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.target.tls.client =
            Some(ClientTlsConfig { client_cert: certificate.into(), client_key: key.into() });
        self
    }

    /// Builds the backend. It connects when its registry is installed, or else at the first request.
    ///
    /// # Errors
    ///
    /// - A URL is not a Redis URL, ends with `#insecure`, or needs a feature that is not enabled.
    /// - There are no sentinels or no nodes, although they are required.
    /// - The nodes of a cluster have different credentials, use TLS only in part, are unix sockets, or name a
    ///   database other than 0.
    /// - The namespace on a cluster contains `{}`.
    /// - A certificate is not valid PEM, or TLS settings are given but the connection does not use TLS.
    pub fn build(self) -> Result<Redis, ConfigError> {
        let address = self.target.to_string();
        let router = self.target.into_router(&self.namespace, self.max_in_flight)?;
        let deny_cache = self.remember_denied.then(DenyCache::new);
        let (namespace, clock) = (self.namespace, self.clock);
        let engine = Engine {
            router,
            namespace,
            clock,
            deny_cache,
            resets: Resets::default(),
            leases: TaskTracker::default(),
        };
        Ok(Redis { engine, address })
    }
}

impl fmt::Debug for RedisBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBuilder")
            .field("address", &self.target.to_string())
            .field("namespace", &self.namespace)
            .field("max_in_flight", &self.max_in_flight)
            .field("remember_denied", &self.remember_denied)
            .field("clock", &self.clock)
            .finish()
    }
}
