//! Where states are to be: as a builder is told it, and as it is settled then.

use std::fmt;

use redis::{Client, ConnectionInfo, ProtocolVersion, RedisConnectionInfo};

use super::address;
use super::sentinels::Sentinels;
use super::server::Server;
#[cfg(feature = "redis-tls")]
use super::tls::Tls;
use crate::ConfigError;

pub(super) struct Place {
    /// How to connect to the server, and where it is unless sentinels say that.
    server: Result<ConnectionInfo, ConfigError>,
    /// By whom it is watched, and under which name.
    watched: Option<(Vec<Result<ConnectionInfo, ConfigError>>, String)>,
    #[cfg(feature = "redis-tls")]
    pub(super) tls: Tls,
}

impl Place {
    pub(super) fn at(url: &str) -> Self {
        Self {
            server: address::parse(url, address::USUAL),
            watched: None,
            #[cfg(feature = "redis-tls")]
            tls: Tls::default(),
        }
    }

    pub(super) fn watched<U: AsRef<str>>(urls: impl IntoIterator<Item = U>, name: String) -> Self {
        let sentinel = |url: U| address::parse(url.as_ref(), address::OF_SENTINELS);
        Self {
            server: address::unknown(),
            watched: Some((urls.into_iter().map(sentinel).collect(), name)),
            #[cfg(feature = "redis-tls")]
            tls: Tls::default(),
        }
    }

    /// Changes what the server is told first.
    pub(super) fn with(self, change: impl FnOnce(RedisConnectionInfo) -> RedisConnectionInfo) -> Self {
        let changed = |server: ConnectionInfo| {
            let settings = change(server.redis_settings().clone());
            server.set_redis_settings(settings)
        };
        Self { server: self.server.map(changed), ..self }
    }

    pub(super) fn settle(self) -> Result<Server, ConfigError> {
        let server = self.server?;
        // Only by this version does the client say that a connection is lost before a request fails by it.
        let settings = server.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let server = server.set_redis_settings(settings);
        let (sentinels, name) = self.watched.unzip();
        let sentinels = sentinels.unwrap_or_default().into_iter().collect::<Result<Vec<_>, _>>()?;
        #[cfg(feature = "redis-tls")]
        let (server, sentinels) = self.tls.apply(server, sentinels)?;
        match name {
            None => Ok(Server::At(client(server)?)),
            Some(name) if sentinels.is_empty() => {
                Err(ConfigError::one(format!("the master {name:?} has no sentinels: name one or more")))
            }
            Some(name) => {
                let sentinels = sentinels.into_iter().map(client).collect::<Result<_, _>>()?;
                Ok(Server::Watched(Sentinels::new(sentinels, name, server)))
            }
        }
    }
}

fn client(server: ConnectionInfo) -> Result<Client, ConfigError> {
    Client::open(server).map_err(|_| address::wrong())
}

/// Where that is, without passwords.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.watched, &self.server) {
            (Some((sentinels, name)), _) => {
                write!(f, "{name} by")?;
                sentinels.iter().flatten().try_for_each(|sentinel| write!(f, " {}", sentinel.addr()))
            }
            (None, Ok(server)) => server.addr().fmt(f),
            (None, Err(_)) => f.write_str("nowhere"),
        }
    }
}
