//! Concurrency limits: a sorted set for each identity, which contains the holders of permits and the ends of
//! their leases. A task for each request keeps its lease until the request ends.
//!
//! The set is on the same node as the states of the identity, and a reset keeps it. The name of each holder
//! ends with the length of its lease. From the length, the script recognises an end that a wrong clock has put
//! too far into the future. Instances may therefore have different leases.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use redis::Value;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::connection::closed;
use super::{Redis, Reply, keys};
use crate::backend::redis::errors::unexpected_reply;
use crate::backend::redis::partition::Partition;
use crate::backend::redis::router::Router;
use crate::backend::redis::scripts::ACQUIRE;
use crate::backend::{ConcurrencyPermit, ConcurrencyStore, PermitRequest};
use crate::clock::Clock;
use crate::error::{BackendError, ErrorKind};
use crate::util::now_or_later::NowOrLater;
use crate::util::{deadline, random};

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

/// Receives the permit, or `None` if all permits are in use.
type PermitSender = oneshot::Sender<Result<Option<ConcurrencyPermit>, BackendError>>;

/// The concurrency permit of one request.
struct Lease {
    router: Router,
    clock: Option<Arc<dyn Clock>>,
    partition: Partition,
    /// The unique name of the holder, followed by the length of the lease in microseconds.
    holder: String,
    length: Duration,
}

/// The timeout of commands that no request waits for.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);

/// The first pause before another attempt to release a permit. The pause doubles up to `COMMAND_TIMEOUT`.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// With a clock other than the server's, keys do not expire at the right time, so they are kept for a day.
const ONE_DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Lease {
    fn new(router: Router, clock: Option<Arc<dyn Clock>>, key: Arc<str>, length: Duration) -> Self {
        let length = length.max(Duration::from_millis(1));
        let micros = length.as_micros();
        let holder = format!("{:016x}{:016x}:{micros}", random::number(), random::number());
        let keys = [key];
        let hash_slot = router.common_hash_slot(&keys).unwrap_or_default();
        Self { partition: Partition::single(hash_slot, &keys), router, clock, holder, length }
    }

    /// Acquires the permit, and keeps it until the caller drops it.
    async fn run(self, limit: u32, mut caller: PermitSender) {
        let (guard, mut dropped) = oneshot::channel::<Infallible>();
        let result = {
            let mut acquired = pin!(self.acquire(limit));
            // If the caller gives up, the command is dropped as well. Dropped commands reveal a server that
            // does not respond.
            poll_fn(|context| match acquired.as_mut().poll(context) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending => caller.poll_closed(context).map(|()| None),
            })
            .await
        };
        let mut may_be_acquired = true;
        if let Some(result) = result {
            // After some errors, it is unknown whether the permit was acquired.
            may_be_acquired =
                result.as_ref().map_or_else(|error| !error.is_safe_to_retry(), |acquired| *acquired);
            // If the caller has given up meanwhile, `send` fails and drops the permit.
            let _ = caller.send(result.map(|acquired| acquired.then(|| ConcurrencyPermit::new(guard))));
        } else {
            drop(guard);
        }
        if may_be_acquired {
            self.renew_until(&mut dropped).await;
            self.release().await;
        }
    }

    /// Returns whether a permit was acquired.
    async fn acquire(&self, limit: u32) -> Result<bool, BackendError> {
        let (time, ttl) = match &self.clock {
            None => (String::new(), String::new()),
            Some(clock) => (clock.now().to_string(), ONE_DAY.as_millis().to_string()),
        };
        let arguments = |command: &mut redis::Cmd| {
            command.arg(&time).arg(limit).arg(&self.holder).arg(&ttl);
        };
        match self.router.run(&ACQUIRE, &self.partition, arguments).await? {
            Value::Int(acquired) => Ok(acquired == 1),
            _ => Err(unexpected_reply()),
        }
    }

    /// Renews the lease until the request ends. A failed renewal is repeated soon.
    async fn renew_until(&self, dropped: &mut oneshot::Receiver<Infallible>) {
        let mut pause = self.length / 2;
        while timeout(pause, &mut *dropped).await.is_err() {
            // The holder already has its permit, and no other holder has it, so the limit does not matter.
            let renewed =
                deadline::timeout(COMMAND_TIMEOUT.min(self.length / 8), self.acquire(u32::MAX)).await;
            pause = if matches!(renewed, Ok(Ok(_))) { self.length / 2 } else { self.length / 8 };
        }
    }

    /// Releases the permit, now or as soon as the server is reachable again. If this fails, the permit is free
    /// when its lease ends.
    async fn release(&self) {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match deadline::timeout(COMMAND_TIMEOUT, self.try_release()).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) if error.kind() == ErrorKind::Closed => return,
                _ => {}
            }
            if begun.elapsed() + pause >= self.length {
                return;
            }
            sleep(pause).await;
            pause = COMMAND_TIMEOUT.min(pause * 2);
        }
    }

    async fn try_release(&self) -> Result<(), BackendError> {
        let mut command = redis::cmd("ZREM");
        self.partition.keys.iter().for_each(|key| {
            command.arg(&**key);
        });
        command.arg(&self.holder);
        self.router.handle(self.partition.hash_slot)?.send(command).await?;
        Ok(())
    }
}
