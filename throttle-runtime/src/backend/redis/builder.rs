//! Settings of a backend.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "redis-tls")]
use redis::ClientTlsConfig;

use super::Redis;
use super::connect::Place;
use super::denied::Denied;
use super::engine::Engine;
use crate::ConfigError;
use crate::backend::Resets;
use crate::clock::Clock;
use crate::under_way::UnderWay;

/// Settings of a [`Redis`] backend.
#[must_use = "a builder does nothing until `build()`"]
pub struct RedisBuilder {
    place: Place,
    namespace: String,
    max_in_flight: usize,
    remember_denied: bool,
    clock: Option<Arc<dyn Clock>>,
}

impl RedisBuilder {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            namespace: "throttle".to_owned(),
            max_in_flight: 4_096,
            remember_denied: true,
            clock: None,
        }
    }

    /// What the names of all states begin with; `throttle` unless said otherwise. What is reset is one namespace,
    /// so give each service its own. On a cluster it holds no `{}`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// As whom to log in, where the URL does not say it. What the URLs of sentinels say is for the sentinels.
    pub fn username(mut self, username: &str) -> Self {
        self.place = self.place.with(|settings| settings.set_username(username));
        self
    }

    /// The password, where the URL does not say it. It never stands in errors, `Debug` or events.
    pub fn password(mut self, password: &str) -> Self {
        self.place = self.place.with(|settings| settings.set_password(password));
        self
    }

    /// The number of the database, where the URL does not say it. A cluster has but one.
    pub fn database(mut self, number: u32) -> Self {
        self.place = self.place.with(|settings| settings.set_db(number.into()));
        self
    }

    /// How long one attempt to connect may take, with name resolution, TLS, login and the check of the server; 2 s by
    /// default. It takes three round trips, one more with TLS, and two more behind sentinels. `install` waits up to five
    /// seconds for all of them.
    ///
    /// The error of an attempt that takes longer contains the step that took the time.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.place.options.timeout = timeout;
        self
    }

    /// Where servers are reached that sentinels or nodes of a cluster name by a host and a port that is of no use here:
    /// behind NAT, or in containers. The function receives what they say, and returns where to connect to.
    ///
    /// The URLs that a program writes itself are not mapped.
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
    #[doc(alias("natMap", "nat_map"))]
    pub fn address_map(mut self, map: impl Fn(&str, u16) -> (String, u16) + Send + Sync + 'static) -> Self {
        self.place.options.addresses = Some(Arc::new(map));
        self
    }

    /// How many requests wait for the server at most; 4096 unless said otherwise. One more fails at once.
    pub const fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = requests;
        self
    }

    /// Whether what was denied is denied from memory for up to a second; on unless said otherwise.
    pub const fn remember_denied(mut self, on: bool) -> Self {
        self.remember_denied = on;
        self
    }

    /// Another clock than the server's, such as a [`ManualClock`](crate::ManualClock), for tests. All processes
    /// have to agree on it, and states expire a day after they were written, whatever it says.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Whether the server is reached by TLS. Unless said otherwise it is if its URL begins with `rediss://`, or the
    /// URL of one of its sentinels does: its certificate has to be one for the name or the address that they say.
    #[cfg(feature = "redis-tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
    pub const fn tls(mut self, on: bool) -> Self {
        self.place.tls.on = Some(on);
        self
    }

    /// Whose certificates are trusted, in PEM: one authority, or several one after the other. Unless said otherwise
    /// those that the machine trusts.
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
    #[cfg(feature = "redis-tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.place.tls.root = Some(pem.into());
        self
    }

    /// The certificate that a server may ask for, with those between it and its authority, and its key: both in PEM.
    #[cfg(feature = "redis-tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.place.tls.client =
            Some(ClientTlsConfig { client_cert: certificate.into(), client_key: key.into() });
        self
    }

    /// The backend. It connects when its registry is installed, or else at its first request.
    ///
    /// # Errors
    ///
    /// If a URL is none of Redis, if there are no sentinels or nodes where there should be some, if nodes of a cluster
    /// are to be reached in different ways or by a database, or if certificates are none or nothing is encrypted by
    /// them.
    pub fn build(self) -> Result<Redis, ConfigError> {
        let address = self.place.to_string();
        let servers = self.place.settle(&self.namespace, self.max_in_flight)?;
        let denied = self.remember_denied.then(Denied::new);
        let (namespace, clock) = (self.namespace, self.clock);
        let engine = Engine {
            servers,
            namespace,
            clock,
            denied,
            resets: Resets::default(),
            leases: UnderWay::default(),
        };
        Ok(Redis { engine, address })
    }
}

impl fmt::Debug for RedisBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBuilder")
            .field("address", &self.place.to_string())
            .field("namespace", &self.namespace)
            .field("max_in_flight", &self.max_in_flight)
            .field("remember_denied", &self.remember_denied)
            .field("clock", &self.clock)
            .finish()
    }
}
