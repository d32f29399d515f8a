//! Who is in flight: a sorted set for each identity, of those who have a place by when they lose it.

mod lease;

use std::sync::Arc;

use tokio::sync::oneshot;

use self::lease::Lease;
use super::connect::closed;
use super::{Redis, Reply, names};
use crate::backend::{Held, Place, Places};
use crate::{BackendError, ErrorKind, Soon};

impl Places for Redis {
    /// One round trip. Each request in flight is a task that keeps its place, says half a lease later that it is still there, and
    /// frees it at the end; for as long as the runtime of the request goes on.
    fn take<'a>(&'a self, place: &'a Place<'a>) -> Reply<'a, Option<Held>> {
        Soon::later(async move {
            let engine = &self.engine;
            let name: Arc<str> = names::of_places(&engine.namespace, place).into();
            let lease = Lease::new(engine.servers.clone(), engine.clock.clone(), name, place.lease);
            let open = engine.leases.begin().ok_or_else(closed)?;
            let (limit, (reply, answer)) = (place.limit, oneshot::channel());
            tokio::spawn(async move {
                lease.run(limit, reply).await;
                drop(open);
            });
            let ended =
                || BackendError::new(ErrorKind::Connection, "the runtime that was to ask Redis ended");
            answer.await.unwrap_or_else(|_| Err(ended()))
        })
    }
}
