//! Parses URLs, and derives the settings of connections from them.

use std::io;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::{SockRef, TcpKeepalive};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, parse_redis_url};
use tokio::net::TcpStream;

use crate::error::ConfigError;

/// The default ports of servers and of sentinels.
pub(in crate::backend::redis) const DEFAULT_PORT: u16 = 6_379;
pub(in crate::backend::redis) const DEFAULT_SENTINEL_PORT: u16 = 26_379;

/// Parses a URL.
pub(in crate::backend::redis) fn parse(url: &str, default_port: u16) -> Result<ConnectionInfo, ConfigError> {
    let mut url = parse_redis_url(url).ok_or_else(invalid_url)?;
    if cfg!(not(feature = "_tls")) && ["rediss", "valkeys"].contains(&url.scheme()) {
        let text = format!(
            "a URL begins with `{}://`: enable the feature `redis-tls` of `throttle-rs`",
            url.scheme()
        );
        return Err(ConfigError::one(text));
    }
    if url.port().is_none() {
        // The path of a socket has no port and accepts none.
        let _ = url.set_port(Some(default_port));
    }
    let parameter =
        |of: &str| url.query_pairs().filter(|(name, _)| name == of).last().map(|(_, value)| value);
    let is_socket = url.scheme().ends_with("unix");
    let database = if is_socket { parameter("db") } else { Some(url.path().trim_matches('/').into()) };
    let part = invalid_part(parameter("protocol").as_deref(), &database.unwrap_or_default());
    let server = url.into_connection_info().map_err(|_| part.unwrap_or_else(invalid_url))?;
    match server.addr() {
        ConnectionAddr::TcpTls { insecure: true, .. } => Err(ConfigError::one(
            "a URL ends with `#insecure`, by which anybody may pass for the server: name its authority by \
             `root_certificate` instead",
        )),
        _ => Ok(server.set_tcp_settings(tcp())),
    }
}

/// The error for an invalid URL. It omits the message of the client crate, which may contain parts of the URL.
pub(in crate::backend::redis) fn invalid_url() -> ConfigError {
    ConfigError::one("this is not a Redis URL: write one such as \"redis://127.0.0.1:6379\"")
}

/// Returns the error for an invalid part of a URL, if a part is the problem.
fn invalid_part(protocol: Option<&str>, database: &str) -> Option<ConfigError> {
    if protocol.is_some_and(|version| !["2", "resp2", "3", "resp3"].contains(&version)) {
        let text =
            "the parameter `protocol` of a URL is unknown: write `?protocol=resp2` or `?protocol=resp3`";
        return Some(ConfigError::one(text));
    }
    let is_number = database.is_empty() || database.parse::<i64>().is_ok();
    let text = "the database of a URL is not a number: write one such as \"redis://127.0.0.1:6379/0\"";
    (!is_number).then(|| ConfigError::one(text))
}

/// The settings of a master whose address only the sentinels know.
pub(in crate::backend::redis) fn without_address() -> Result<ConnectionInfo, ConfigError> {
    let server = ConnectionAddr::Tcp(String::new(), 0).into_connection_info().map_err(|_| invalid_url())?;
    Ok(server.set_tcp_settings(tcp()))
}

/// Returns the same settings with another address.
pub(in crate::backend::redis) fn with_address(
    server: &ConnectionInfo,
    host: String,
    port: u16,
) -> ConnectionInfo {
    let address = match server.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    server.clone().set_addr(address)
}

/// Returns the protocol version that a URL names.
pub(in crate::backend::redis) fn protocol(url: &str) -> Option<ProtocolVersion> {
    let url = parse_redis_url(url)?;
    let names_one = url.query_pairs().any(|(name, _)| name == "protocol");
    let server = url.into_connection_info().ok().filter(|_| names_one)?;
    Some(server.redis_settings().protocol())
}

/// Applies the same settings to a socket that is opened here.
pub(super) fn configure(stream: &TcpStream) -> io::Result<()> {
    let settings = tcp();
    stream.set_nodelay(settings.nodelay())?;
    let socket = SockRef::from(stream);
    if let Some(keepalive) = settings.keepalive() {
        socket.set_tcp_keepalive(keepalive)?;
    }
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(settings.user_timeout())?;
    Ok(())
}

/// Without these settings, the connection to a vanished server stays open for a quarter of an hour.
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
