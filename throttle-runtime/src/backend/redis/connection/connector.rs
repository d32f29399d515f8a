//! Opens connections in the background.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::handle::Slot;
use super::handshake::ready;
use super::locator::Server;
use super::options::Options;
use super::progress::Progress;
use crate::backend::redis::backoff::pause;
use crate::util::deadline;
use crate::{BackendError, ErrorKind};

/// Creates a handle whose connections are opened here.
pub(in crate::backend::redis) fn handle(server: Server, options: Options, max_in_flight: usize) -> Arc<Slot> {
    Arc::new(Slot::new(server, options, max_in_flight, start))
}

/// Starts a connector, unless one is running.
fn start(slot: &Arc<Slot>) {
    // Without a runtime, there is no task to connect, and no caller can wait for a reply.
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
                Err(_) => slot.server.lost(),
            }
            if !slot.is_connected() {
                // If the backend was dropped meanwhile, no connection is needed.
                drop(slot);
                sleep(pause(failures)).await;
                failures += 1;
            }
        }
    });
}

/// Marks the connector as ended when the task ends, also if the runtime shuts down.
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
    let (limit, progress) = (slot.options.timeout, Progress::default());
    let ready = deadline::timeout(limit, ready(slot, &progress)).await;
    let ready = ready.unwrap_or_else(|_| Err(progress.timed_out(limit)));
    // Requests that arrive meanwhile receive this error.
    let (connection, lost) = ready.inspect_err(|error| slot.explain(error.clone()))?;
    let connection = slot.fill(connection)?;
    // The loss of a connection is noticed here first, and not by a request, which would fail.
    let (slot, connection) = (Arc::downgrade(slot), Arc::downgrade(&connection));
    tokio::spawn(async move {
        if lost.await.is_ok()
            && let (Some(slot), Some(connection)) = (slot.upgrade(), connection.upgrade())
        {
            slot.lose(&connection, BackendError::new(ErrorKind::Connection, "Redis closed the connection"));
        }
    });
    Ok(())
}

/// Connects, and keeps trying in the background if the first attempt fails.
pub(in crate::backend::redis) async fn connect_or_go_on(slot: Arc<Slot>) {
    if connect(&slot).await.is_err() {
        start(&slot);
    }
}
