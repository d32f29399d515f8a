//! Brings up connections, behind the backs of requests.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, RedisError, Value};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::connection::Connection;
use super::slot::Slot;
use crate::backend::redis::{failure, scripts};
use crate::random;
use crate::{BackendError, ErrorKind};

/// How long one attempt may take, with everything that makes a connection ready for requests.
const ATTEMPT: Duration = Duration::from_secs(1);

/// The longest pause after the first failed attempt, and after many.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Starts a connector, if none is at work.
pub(super) fn start(slot: &Arc<Slot>) {
    // Without a runtime there is nobody to do it, and nobody who could wait for an answer either.
    let Ok(runtime) = Handle::try_current() else { return };
    if slot.is_closed() || slot.connecting.swap(true, Ordering::AcqRel) {
        return;
    }
    let at_work = AtWork(Arc::downgrade(slot));
    runtime.spawn(async move {
        let mut failures = 0;
        while let Some(slot) = at_work.0.upgrade() {
            if slot.is_closed() || slot.is_connected() {
                break;
            }
            match connect(&slot).await {
                Ok(()) => {
                    if let Some(omitted) = slot.connected.admit_now() {
                        tracing::info!(target: "throttle", omitted = omitted.field(), "Redis is available");
                    }
                }
                Err(error) => {
                    slot.explain(error);
                    slot.server.lost();
                }
            }
            if !slot.is_connected() {
                // Whoever has let go of the backend meanwhile needs no connection.
                drop(slot);
                sleep(pause(failures)).await;
                failures += 1;
            }
        }
    });
}

/// Ends with the task, however that ends: also with a runtime that is shut down.
struct AtWork(Weak<Slot>);

impl Drop for AtWork {
    fn drop(&mut self) {
        if let Some(slot) = self.0.upgrade() {
            slot.connecting.store(false, Ordering::Release);
        }
    }
}

/// Connects and puts the connection to use.
pub(in crate::backend::redis) async fn connect(slot: &Arc<Slot>) -> Result<(), BackendError> {
    let (lost, is_lost) = oneshot::channel();
    let ready = timeout(ATTEMPT, ready(slot, lost));
    let connection = ready.await.unwrap_or_else(|_| {
        Err(BackendError::new(ErrorKind::Timeout, format!("Redis did not answer within {ATTEMPT:?}")))
    })?;
    let connection = slot.fill(connection)?;
    // The first to learn of a lost connection is not a request, which would fail by it.
    let (slot, connection) = (Arc::downgrade(slot), Arc::downgrade(&connection));
    tokio::spawn(async move {
        if is_lost.await.is_ok()
            && let (Some(slot), Some(connection)) = (slot.upgrade(), connection.upgrade())
        {
            slot.lose(&connection, BackendError::new(ErrorKind::Connection, "Redis closed the connection"));
        }
    });
    Ok(())
}

/// Connects, and goes on trying behind the backs of requests.
pub(in crate::backend::redis) async fn connect_or_go_on(slot: Arc<Slot>) {
    if let Err(error) = connect(&slot).await {
        slot.explain(error);
        start(&slot);
    }
}

/// A connection to a master that has answered, with all scripts loaded.
async fn ready(slot: &Slot, lost: oneshot::Sender<()>) -> Result<Connection, BackendError> {
    let client = slot.server.locate().await?;
    let lost = std::sync::Mutex::new(Some(lost));
    let config =
        AsyncConnectionConfig::new().set_pipeline_buffer_size(1024).set_push_sender(move |push: PushInfo| {
            let lost = lost.lock().ok().and_then(|mut lost| lost.take());
            match lost.filter(|_| push.kind == PushKind::Disconnection) {
                Some(lost) => lost.send(()),
                None => Ok(()),
            }
        });
    let connection = Connection::new(open(&client, config).await.map_err(failed)?, Duration::ZERO);
    connection.send(&redis::cmd("PING")).await.map_err(failed)?;
    expect_master(&connection).await?;
    for script in scripts::all() {
        match connection.send(redis::cmd("SCRIPT").arg("LOAD").arg(&script.text)).await {
            Err(error) if failure::is_of_connection(&error) => return Err(failed(error)),
            // Who may not load scripts may still send them.
            _ => {}
        }
    }
    Ok(connection)
}

/// A connection of the client crate, without its timeouts: whoever opens it has one.
pub(in crate::backend::redis) async fn open(
    client: &Client,
    config: AsyncConnectionConfig,
) -> Result<MultiplexedConnection, RedisError> {
    #[cfg(feature = "redis-tls")]
    super::tls::provide(client);
    let config = config.set_connection_timeout(None).set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// Makes sure that something can be written there. Learnt only from a request that fails, it would be learnt again by
/// the next one, and cost a connection each time.
async fn expect_master(connection: &Connection) -> Result<(), BackendError> {
    match connection.send(&redis::cmd("ROLE")).await {
        Ok(Value::Array(role)) => match role.first() {
            Some(Value::BulkString(role)) if role != b"master" => {
                let text = format!("the server is no master but a {}", String::from_utf8_lossy(role));
                Err(BackendError::new(ErrorKind::Store, text))
            }
            _ => Ok(()),
        },
        Err(error) if failure::is_of_connection(&error) => Err(failed(error)),
        // Who may not ask for it learns it from requests.
        _ => Ok(()),
    }
}

fn failed(error: RedisError) -> BackendError {
    failure::backend_error("cannot connect to Redis", error)
}

/// A random part of a pause that doubles. Each process has its own randomness, so that those which lost a server
/// together do not come back together.
pub(in crate::backend::redis) fn pause(failures: u32) -> Duration {
    let (first, longest) = PAUSES;
    let most = first.saturating_mul(1 << failures.min(16)).min(longest);
    random::part(most)
}
