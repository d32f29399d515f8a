//! Concurrency limits: a sorted set for each identity, which contains the holders of permits and the ends of
//! their leases.
//!
//! The set is on the same node as the states of the identity, and a reset keeps it. The name of each holder
//! ends with the length of its lease. From the length, the script recognises an end that a wrong clock has put
//! too far into the future. Instances may therefore have different leases.

mod lease;

use std::sync::Arc;

use tokio::sync::oneshot;

use super::connection::closed;
use super::{Redis, Reply, keys};
use crate::backend::{ConcurrencyPermit, ConcurrencyStore, PermitRequest};
use crate::{BackendError, ErrorKind, NowOrLater};
use lease::Lease;

impl ConcurrencyStore for Redis {
    /// Acquires a permit in one round trip. A task for each request in flight renews the permit every half
    /// lease and releases it at the end. The task runs as long as the runtime of the request.
    fn try_acquire<'a>(&'a self, request: &'a PermitRequest<'a>) -> Reply<'a, Option<ConcurrencyPermit>> {
        NowOrLater::later(async move {
            let engine = &self.engine;
            let key: Arc<str> = keys::concurrency(&engine.namespace, request).into();
            let lease = Lease::new(engine.router.clone(), engine.clock.clone(), key, request.ttl);
            let task = engine.leases.begin().ok_or_else(closed)?;
            let (limit, (sender, permit)) = (request.limit, oneshot::channel());
            tokio::spawn(async move {
                lease.run(limit, sender).await;
                drop(task);
            });
            let ended =
                || BackendError::new(ErrorKind::Connection, "the tokio runtime that calls Redis ended");
            permit.await.unwrap_or_else(|_| Err(ended()))
        })
    }
}
