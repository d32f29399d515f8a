//! Opens a connection of the client crate and logs in.
//!
//! Sockets without TLS are opened here, because the client crate reports a lost connection only with RESP3, and
//! does not report what a server that is not Redis sends. With TLS, RESP3 is tried first, and RESP2 if the
//! server does not support it.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ProtocolVersion, PushInfo, PushKind,
    RedisError,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};

use super::options::Options;
use super::progress::Progress;
use super::recording_stream::{Greeting, RecordingStream};
use super::{connect_error, url};
use crate::error::BackendError;
use crate::util::sync;

/// An open connection.
pub(in crate::backend::redis) struct Link {
    pub(in crate::backend::redis) multiplexed: MultiplexedConnection,
    /// Completes when the connection is lost.
    pub(super) lost: oneshot::Receiver<()>,
    pub(super) driver: Option<Driver>,
    pub(super) greeting: Greeting,
}

/// The task that reads and writes. It ends with its connection.
pub(super) struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects and logs in.
pub(in crate::backend::redis) async fn open(
    client: &Client,
    options: &Options,
    progress: &Progress,
) -> Result<Link, BackendError> {
    let server = client.get_connection_info();
    let address = server.addr();
    progress.begin(format!("connecting to {address}"));
    let failed = |error: io::Error| connect_error::unreachable(address, &error.into());
    match address {
        ConnectionAddr::Tcp(host, port) => {
            let stream = tcp(host, *port).await.map_err(failed)?;
            login(stream, server, options, progress).await
        }
        #[cfg(unix)]
        ConnectionAddr::Unix(path) => {
            let stream = tokio::net::UnixStream::connect(path).await.map_err(failed)?;
            login(stream, server, options, progress).await
        }
        _ => with_tls(client, options).await,
    }
}

/// Connects to the first address of a host that accepts.
async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut attempts: JoinSet<_> = lookup_host((host, port)).await?.map(TcpStream::connect).collect();
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    while let Some(attempt) = attempts.join_next().await {
        match attempt.map_err(io::Error::other).and_then(|stream| stream) {
            Ok(stream) => {
                url::configure(&stream)?;
                return Ok(stream);
            }
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

async fn login<S>(
    stream: S,
    server: &ConnectionInfo,
    options: &Options,
    progress: &Progress,
) -> Result<Link, BackendError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    progress.begin(format!("logging in to {}", server.addr()));
    let settings = server.redis_settings().clone().set_skip_set_lib_name();
    let settings = settings.set_protocol(options.protocol.unwrap_or(ProtocolVersion::RESP2));
    let greeting = Greeting::default();
    let stream = RecordingStream::new(stream, greeting.clone());
    let opened = MultiplexedConnection::new_with_config(&settings, stream, config()).await;
    let (multiplexed, driver) =
        opened.map_err(|error| connect_error::explain(server.addr(), &greeting, &error))?;
    let (notify_lost, lost) = oneshot::channel();
    let driver = tokio::spawn(async move {
        driver.await;
        let _ = notify_lost.send(());
    });
    Ok(Link { multiplexed, lost, driver: Some(Driver(driver.abort_handle())), greeting })
}

/// Connects with TLS, which only the client crate supports.
async fn with_tls(client: &Client, options: &Options) -> Result<Link, BackendError> {
    #[cfg(feature = "_tls")]
    super::tls::install_provider(client);
    let address = client.get_connection_info().addr();
    let open = async |protocol| {
        let settings = client.get_connection_info().redis_settings().clone().set_protocol(protocol);
        let server = client.get_connection_info().clone();
        let client = Client::open(server.set_redis_settings(settings.set_skip_set_lib_name()))?;
        let (notify_lost, lost) = oneshot::channel();
        // With RESP2, a lost connection is noticed by the request that fails.
        let config = if protocol == ProtocolVersion::RESP2 {
            config()
        } else {
            with_lost_notice(config(), notify_lost)
        };
        let multiplexed = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok::<_, RedisError>(Link { multiplexed, lost, driver: None, greeting: Greeting::default() })
    };
    let failed = |error: RedisError| connect_error::unreachable(address, &error);
    if let Some(protocol) = options.protocol {
        return open(protocol).await.map_err(failed);
    }
    if !options.only_resp2.load(Ordering::Relaxed) {
        match open(ProtocolVersion::RESP3).await {
            Err(error) if is_resp3_unsupported(&error) => {}
            opened => return opened.map_err(failed),
        }
    }
    let link = open(ProtocolVersion::RESP2).await.map_err(failed)?;
    options.only_resp2.store(true, Ordering::Relaxed);
    Ok(link)
}

/// Whether a server may support only RESP2: it rejects `HELLO`, or closes the connection after it.
fn is_resp3_unsupported(error: &RedisError) -> bool {
    let detail = error.detail().unwrap_or_default();
    error.kind() == redis::ErrorKind::RESP3NotSupported
        || error.code() == Some("NOPROTO")
        || detail.to_ascii_lowercase().contains("unknown command")
        || error.is_connection_dropped() && !error.is_connection_refusal()
}

/// Disables the timeouts of the client crate, because the whole attempt has one.
fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_pipeline_buffer_size(1024)
        .set_connection_timeout(None)
        .set_response_timeout(None)
}

/// Lets the client crate report that the connection is lost.
fn with_lost_notice(
    config: AsyncConnectionConfig,
    notify_lost: oneshot::Sender<()>,
) -> AsyncConnectionConfig {
    let sender = Mutex::new(Some(notify_lost));
    config.set_push_sender(move |push: PushInfo| {
        let take = || sync::lock(&sender).take();
        match (push.kind == PushKind::Disconnection).then(take).flatten() {
            Some(sender) => sender.send(()),
            None => Ok(()),
        }
    })
}
