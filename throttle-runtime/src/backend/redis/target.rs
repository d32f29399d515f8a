//! The target of a backend: one server, sentinels or a cluster. The builder configures it, and turns
//! it into a router.

use std::fmt;
use std::mem::discriminant;
use std::sync::Arc;

use redis::{Client, ConnectionInfo, RedisConnectionInfo};

use super::cluster::Cluster;
#[cfg(feature = "_tls")]
use super::connection::Tls;
use super::connection::{Address, Locator, Options, Sentinels, connector, url};
use super::router::Router;
use crate::error::ConfigError;

pub(super) struct Target {
    /// How to connect to the server. The address in it is unused if there are sentinels.
    server: Result<ConnectionInfo, ConfigError>,
    /// The sentinels, and the name of the master.
    sentinels: Option<(Vec<Result<ConnectionInfo, ConfigError>>, String)>,
    /// The configured nodes of the cluster.
    nodes: Option<Vec<Result<ConnectionInfo, ConfigError>>>,
    pub(super) options: Options,
    #[cfg(feature = "_tls")]
    pub(super) tls: Tls,
}

impl Target {
    pub(super) fn server(url: &str) -> Self {
        Self {
            server: url::parse(url, url::DEFAULT_PORT),
            sentinels: None,
            nodes: None,
            options: Options::new(url::protocol(url)),
            #[cfg(feature = "_tls")]
            tls: Tls::default(),
        }
    }

    pub(super) fn sentinels<U: AsRef<str>>(urls: impl IntoIterator<Item = U>, name: String) -> Self {
        let sentinel = |url: U| url::parse(url.as_ref(), url::DEFAULT_SENTINEL_PORT);
        Self {
            server: url::without_address(),
            sentinels: Some((urls.into_iter().map(sentinel).collect(), name)),
            nodes: None,
            options: Options::new(None),
            #[cfg(feature = "_tls")]
            tls: Tls::default(),
        }
    }

    /// A cluster. The URLs are those of some of its nodes.
    pub(super) fn cluster<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Self {
        let mut protocol = None;
        let node = |url: U| {
            protocol = protocol.or_else(|| url::protocol(url.as_ref()));
            url::parse(url.as_ref(), url::DEFAULT_PORT)
        };
        let nodes: Vec<_> = urls.into_iter().map(node).collect();
        let none = || Err(ConfigError::one("the cluster has no nodes: configure at least one"));
        Self {
            server: nodes.first().cloned().unwrap_or_else(none),
            sentinels: None,
            nodes: Some(nodes),
            options: Options::new(protocol),
            #[cfg(feature = "_tls")]
            tls: Tls::default(),
        }
    }

    /// Changes the login settings of the server.
    pub(super) fn with_login(self, change: impl FnOnce(RedisConnectionInfo) -> RedisConnectionInfo) -> Self {
        let changed = |server: ConnectionInfo| {
            let settings = change(server.redis_settings().clone());
            server.set_redis_settings(settings)
        };
        Self { server: self.server.map(changed), ..self }
    }

    /// Checks the settings, and creates the handles of the servers. Nothing is connected yet.
    pub(super) fn into_router(self, namespace: &str, max_in_flight: usize) -> Result<Router, ConfigError> {
        let server = self.server?;
        let nodes = self.nodes.map(|nodes| nodes.into_iter().collect::<Result<Vec<_>, _>>()).transpose()?;
        if let Some(nodes) = &nodes {
            check_cluster(&server, nodes, namespace)?;
        }
        let options = Options { namespace: namespace.into(), ..self.options };
        let (sentinels, name) = self.sentinels.unzip();
        let sentinels = sentinels.unwrap_or_default().into_iter().collect::<Result<Vec<_>, _>>()?;
        #[cfg(feature = "_tls")]
        let (server, sentinels) = self.tls.apply(server, sentinels)?;
        if let Some(nodes) = nodes {
            let seed = |node| {
                Address::of(node)
                    .ok_or_else(url::invalid_url)?
                    .client(&server)
                    .map_err(|_| url::invalid_url())
            };
            let seeds = nodes.iter().map(seed).collect::<Result<_, _>>()?;
            return Ok(Router::Cluster(Arc::new(Cluster::new(server, seeds, options, max_in_flight))));
        }
        let locator = match name {
            None => Locator::Fixed(client(server)?),
            Some(name) if sentinels.is_empty() => {
                let text = format!("the master {name:?} has no sentinels: configure at least one");
                return Err(ConfigError::one(text));
            }
            Some(name) => {
                let sentinels = sentinels.into_iter().map(client).collect::<Result<_, _>>()?;
                Locator::Sentinels(Sentinels::new(sentinels, name, server))
            }
        };
        Ok(Router::Single(connector::new_handle(locator, options, max_in_flight)))
    }
}

fn client(server: ConnectionInfo) -> Result<Client, ConfigError> {
    Client::open(server).map_err(|_| url::invalid_url())
}

/// Rejects settings of a cluster that could not be reported clearly later.
fn check_cluster(
    server: &ConnectionInfo,
    nodes: &[ConnectionInfo],
    namespace: &str,
) -> Result<(), ConfigError> {
    let login = |node: &ConnectionInfo| {
        let settings = node.redis_settings();
        (settings.username().map(str::to_owned), settings.password().map(str::to_owned))
    };
    let first = nodes.first().map(login);
    let differs = |node: &ConnectionInfo| login(node) != (None, None) && Some(login(node)) != first;
    let problem = if nodes.iter().any(|node| Address::of(node).is_none()) {
        "the nodes of a cluster are reached by TCP, not by the path of a socket"
    } else if nodes.iter().chain([server]).any(|node| node.redis_settings().db() != 0) {
        "a cluster has only the database 0"
    } else if nodes.iter().any(differs) {
        "the URLs of the cluster's nodes have different credentials: set them once, in the first URL or in the builder"
    } else if nodes.iter().any(|node| discriminant(node.addr()) != discriminant(server.addr())) {
        "some URLs of a cluster's nodes begin with `rediss://` and others do not"
    } else if namespace.split_once('{').is_some_and(|(_, rest)| rest.starts_with('}')) {
        "a namespace with `{}` would spread the limits of one client over several nodes"
    } else {
        return Ok(());
    };
    Err(ConfigError::one(problem))
}

/// The addresses, without passwords.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.sentinels, &self.server) {
            (Some((sentinels, name)), _) => {
                write!(f, "{name} by")?;
                sentinels.iter().flatten().try_for_each(|sentinel| write!(f, " {}", sentinel.addr()))
            }
            (None, _) if self.nodes.is_some() => {
                f.write_str("a cluster with")?;
                self.nodes.iter().flatten().flatten().try_for_each(|node| write!(f, " {}", node.addr()))
            }
            (None, Ok(server)) => server.addr().fmt(f),
            (None, Err(_)) => f.write_str("nowhere"),
        }
    }
}
