//! Settings of a backend.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisError, RedisResult,
    parse_redis_url,
};

use super::Redis;
use super::denied::Denied;
use super::engine::Engine;
use super::sentinels::Sentinels;
use super::server::Server;
use super::slot::Slot;
use crate::ConfigError;
use crate::clock::Clock;

/// Settings of a [`Redis`] backend.
#[must_use = "a builder does nothing until `build()`"]
pub struct RedisBuilder {
    /// How to connect to the server, and where it is if nobody watches it.
    server: RedisResult<ConnectionInfo>,
    watched: Option<Watched>,
    namespace: String,
    max_in_flight: usize,
    remember_denied: bool,
    clock: Option<Arc<dyn Clock>>,
}

/// A server that sentinels watch.
struct Watched {
    sentinels: Vec<RedisResult<ConnectionInfo>>,
    name: String,
}

impl RedisBuilder {
    pub(super) fn at(url: &str) -> Self {
        Self::new(url.into_connection_info(), None)
    }

    pub(super) fn watched<U: AsRef<str>>(urls: impl IntoIterator<Item = U>, name: String) -> Self {
        let nowhere = ConnectionAddr::Tcp(String::new(), 0).into_connection_info();
        let sentinels = urls.into_iter().map(|url| sentinel(url.as_ref())).collect();
        Self::new(nowhere, Some(Watched { sentinels, name }))
    }

    fn new(server: RedisResult<ConnectionInfo>, watched: Option<Watched>) -> Self {
        Self {
            server,
            watched,
            namespace: "throttle".to_owned(),
            max_in_flight: 4_096,
            remember_denied: true,
            clock: None,
        }
    }

    /// What the names of all states begin with; `throttle` unless said otherwise. What is reset is one namespace,
    /// so give each service its own.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// As whom to log in, where the URL does not say it. What the URLs of sentinels say is for the sentinels.
    pub fn username(self, username: &str) -> Self {
        self.with(|server| {
            let settings = server.redis_settings().clone().set_username(username);
            server.set_redis_settings(settings)
        })
    }

    /// The password, where the URL does not say it. It never stands in errors, `Debug` or events.
    pub fn password(self, password: &str) -> Self {
        self.with(|server| {
            let settings = server.redis_settings().clone().set_password(password);
            server.set_redis_settings(settings)
        })
    }

    /// The number of the database, where the URL does not say it.
    pub fn database(self, number: u32) -> Self {
        self.with(|server| {
            let settings = server.redis_settings().clone().set_db(number.into());
            server.set_redis_settings(settings)
        })
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

    /// The backend. It connects when its registry is installed, or else at its first request.
    ///
    /// # Errors
    ///
    /// If a URL is none of Redis, or if there are no sentinels where there should be some.
    pub fn build(self) -> Result<Redis, ConfigError> {
        let how = self.server.map_err(no_url)?.set_tcp_settings(tcp());
        // Only by this version does the client say that a connection is lost before a request fails by it.
        let settings = how.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let how = how.set_redis_settings(settings);
        let address = address(how.addr(), self.watched.as_ref());
        let server = match self.watched {
            None => Server::At(Client::open(how).map_err(no_url)?),
            Some(watched) => Server::Watched(watched.by(how)?),
        };
        let slot = Arc::new(Slot::new(server, self.max_in_flight));
        let denied = self.remember_denied.then(Denied::new);
        let engine = Engine { slot, namespace: self.namespace, clock: self.clock, denied };
        Ok(Redis { engine, address })
    }

    fn with(mut self, change: impl FnOnce(ConnectionInfo) -> ConnectionInfo) -> Self {
        self.server = self.server.map(change);
        self
    }
}

impl Watched {
    fn by(self, how: ConnectionInfo) -> Result<Sentinels, ConfigError> {
        if self.sentinels.is_empty() {
            return Err(ConfigError::one(format!(
                "the master {:?} has no sentinels: name one or more",
                self.name
            )));
        }
        let client = |sentinel: RedisResult<ConnectionInfo>| Client::open(sentinel?.set_tcp_settings(tcp()));
        let clients: RedisResult<_> = self.sentinels.into_iter().map(client).collect();
        Ok(Sentinels::new(clients.map_err(no_url)?, self.name, how))
    }
}

/// What a URL says about a sentinel.
fn sentinel(url: &str) -> RedisResult<ConnectionInfo> {
    let Some(mut parsed) = parse_redis_url(url) else { return url.into_connection_info() };
    if parsed.port().is_none() {
        // Of a path to a socket there is no port to say.
        let _ = parsed.set_port(Some(26_379));
    }
    parsed.into_connection_info()
}

/// What the client says about a URL is kept out of it: who knows what of the URL that is.
fn no_url(_: RedisError) -> ConfigError {
    ConfigError::one("the URL is none of Redis: write one such as \"redis://127.0.0.1:6379\"")
}

/// Where the server is, as people are told it.
fn address(address: &ConnectionAddr, watched: Option<&Watched>) -> String {
    let Some(Watched { sentinels, name }) = watched else { return address.to_string() };
    let sentinels = sentinels.iter().flatten().map(|sentinel| sentinel.addr().to_string());
    format!("{name} by {}", sentinels.collect::<Vec<_>>().join(", "))
}

/// Without these a peer that is gone stays connected for a quarter of an hour.
fn tcp() -> TcpSettings {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(5)).with_interval(Duration::from_secs(1));
    #[cfg(not(windows))]
    let keepalive = keepalive.with_retries(3);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(Duration::from_secs(2));
    settings
}

impl fmt::Debug for RedisBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.server.as_ref().map(|server| address(server.addr(), self.watched.as_ref()));
        f.debug_struct("RedisBuilder")
            .field("address", &address.ok())
            .field("namespace", &self.namespace)
            .field("max_in_flight", &self.max_in_flight)
            .field("remember_denied", &self.remember_denied)
            .field("clock", &self.clock)
            .finish()
    }
}
