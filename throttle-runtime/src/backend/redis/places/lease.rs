//! A place of one request, from before it is asked for until it is free again.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use redis::Value;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::backend::Held;
use crate::backend::redis::cluster::Part;
use crate::backend::redis::failure::nonsense;
use crate::backend::redis::scripts::TAKE;
use crate::backend::redis::servers::Servers;
use crate::clock::Clock;
use crate::{BackendError, ErrorKind, deadline, random};

/// Who is told whether there was a place.
pub(super) type Asker = oneshot::Sender<Result<Option<Held>, BackendError>>;

/// A place of one request.
pub(super) struct Lease {
    servers: Servers,
    clock: Option<Arc<dyn Clock>>,
    part: Part,
    /// Whose it is: a name that nobody else has, and for how long.
    holder: String,
    length: Duration,
}

/// How long what nobody waits for may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The first wait before a place that could not be freed is tried again, which doubles up to `PATIENCE`.
const PAUSE: Duration = Duration::from_millis(50);

/// By a clock other than the server's nothing expires in time, so it is kept for a day.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Lease {
    pub(super) fn new(
        servers: Servers,
        clock: Option<Arc<dyn Clock>>,
        name: Arc<str>,
        length: Duration,
    ) -> Self {
        let length = length.max(Duration::from_millis(1));
        let micros = length.as_micros();
        let holder = format!("{:016x}{:016x}:{micros}", random::number(), random::number());
        let names = [name];
        let lane = servers.lane(&names).unwrap_or_default();
        Self { part: Part::whole(lane, &names), servers, clock, holder, length }
    }

    /// Asks, and keeps the place until it is dropped by whoever asked.
    pub(super) async fn run(self, limit: u32, mut asker: Asker) {
        let (guard, mut dropped) = oneshot::channel::<Infallible>();
        let answer = {
            let mut answer = pin!(self.take(limit));
            // Who gives up drops the request, too, as a server that does not answer is known by that.
            poll_fn(|context| match answer.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending => asker.poll_closed(context).map(|()| None),
            })
            .await
        };
        let mut is_taken = true;
        if let Some(answer) = answer {
            // Of what went wrong it may be unknown how far it came.
            is_taken = answer.as_ref().map_or_else(|error| !error.is_nothing_charged(), |taken| *taken);
            // Who has given up meanwhile drops it, and with that the place.
            let _ = asker.send(answer.map(|taken| taken.then(|| Held::new(guard))));
        } else {
            drop(guard);
        }
        if is_taken {
            self.keep(&mut dropped).await;
            self.leave().await;
        }
    }

    /// Whether there was a place.
    async fn take(&self, limit: u32) -> Result<bool, BackendError> {
        let (time, kept) = match &self.clock {
            None => (String::new(), String::new()),
            Some(clock) => (clock.now().to_string(), A_DAY.as_millis().to_string()),
        };
        let arguments = |command: &mut redis::Cmd| {
            command.arg(&time).arg(limit).arg(&self.holder).arg(&kept);
        };
        match self.servers.run(&TAKE, &self.part, arguments).await? {
            Value::Int(taken) => Ok(taken == 1),
            _ => Err(nonsense()),
        }
    }

    /// Says again and again that the request is still there. What fails is tried again soon.
    async fn keep(&self, dropped: &mut oneshot::Receiver<Infallible>) {
        let mut pause = self.length / 2;
        while timeout(pause, &mut *dropped).await.is_err() {
            // He has a place already, and nobody else has it: so however many there are.
            let kept = deadline::timeout(PATIENCE.min(self.length / 8), self.take(u32::MAX)).await;
            pause = if matches!(kept, Ok(Ok(_))) { self.length / 2 } else { self.length / 8 };
        }
    }

    /// Frees the place, now or as soon as the server is back. In the end the lease does.
    async fn leave(&self) {
        let begun = Instant::now();
        let mut pause = PAUSE;
        loop {
            match deadline::timeout(PATIENCE, self.free()).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) if error.kind() == ErrorKind::Closed => return,
                _ => {}
            }
            if begun.elapsed() + pause >= self.length {
                return;
            }
            sleep(pause).await;
            pause = PATIENCE.min(pause * 2);
        }
    }

    async fn free(&self) -> Result<(), BackendError> {
        let mut command = redis::cmd("ZREM");
        self.part.names.iter().for_each(|name| {
            command.arg(&**name);
        });
        command.arg(&self.holder);
        self.servers.of(self.part.lane)?.send(command).await?;
        Ok(())
    }
}
