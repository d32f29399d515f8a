//! Opens connections in the background.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::handle::ConnectionHandle;
use super::handshake::open_ready;
use super::locator::Locator;
use super::options::Options;
use super::progress::Progress;
use crate::backend::redis::backoff::pause;
use crate::error::{BackendError, ErrorKind};
use crate::util::deadline;

/// Creates a handle whose connections are opened here.
pub(in crate::backend::redis) fn new_handle(
    locator: Locator,
    options: Options,
    max_in_flight: usize,
) -> Arc<ConnectionHandle> {
    Arc::new(ConnectionHandle::new(locator, options, max_in_flight, start))
}

/// Starts a connector, unless one is running.
fn start(handle: &Arc<ConnectionHandle>) {
    // Without a runtime, there is no task to connect, and no caller can wait for a reply.
    let Ok(runtime) = Handle::try_current() else { return };
    if handle.is_closed() || handle.is_connecting.swap(true, Ordering::AcqRel) {
        return;
    }
    let running = Running(Arc::downgrade(handle));
    runtime.spawn(async move {
        let mut failures = 0;
        while let Some(handle) = running.0.upgrade() {
            if handle.is_closed() || handle.is_connected() {
                break;
            }
            match connect(&handle).await {
                Ok(()) => {
                    if let Some(omitted) = handle.connected_events.admit_now() {
                        tracing::info!(target: "throttle", omitted = omitted.field(), "Redis is available");
                    }
                }
                Err(_) => handle.locator.lost(),
            }
            if !handle.is_connected() {
                // If the backend was dropped meanwhile, no connection is needed.
                drop(handle);
                sleep(pause(failures)).await;
                failures += 1;
            }
        }
    });
}

/// Marks the connector as ended when the task ends, also if the runtime shuts down.
struct Running(Weak<ConnectionHandle>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(handle) = self.0.upgrade() {
            handle.is_connecting.store(false, Ordering::Release);
        }
    }
}

/// Connects and puts the connection to use.
pub(in crate::backend::redis) async fn connect(handle: &Arc<ConnectionHandle>) -> Result<(), BackendError> {
    let (limit, progress) = (handle.options.timeout, Progress::default());
    let ready = deadline::timeout(limit, open_ready(handle, &progress)).await;
    let ready = ready.unwrap_or_else(|_| Err(progress.timed_out(limit)));
    // Requests that arrive meanwhile receive this error.
    let (connection, lost) = ready.inspect_err(|error| handle.record_failure(error.clone()))?;
    let connection = handle.install(connection)?;
    // The loss of a connection is noticed here first, and not by a request, which would fail.
    let (handle, connection) = (Arc::downgrade(handle), Arc::downgrade(&connection));
    tokio::spawn(async move {
        if lost.await.is_ok()
            && let (Some(handle), Some(connection)) = (handle.upgrade(), connection.upgrade())
        {
            handle.disconnect(
                &connection,
                BackendError::new(ErrorKind::Connection, "Redis closed the connection"),
            );
        }
    });
    Ok(())
}

/// Connects, and keeps trying in the background if the first attempt fails.
pub(in crate::backend::redis) async fn connect_or_retry(handle: Arc<ConnectionHandle>) {
    if connect(&handle).await.is_err() {
        start(&handle);
    }
}
