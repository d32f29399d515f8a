//! Clients that send requests continuously.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use throttle::Throttle;
use tokio::task::JoinSet;

/// The number of clients, and of tasks for each client.
const CLIENTS: usize = 4;
const TASKS: usize = 4;

/// The results of the clients.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How often each client was admitted.
    pub(crate) admitted: BTreeMap<usize, u64>,
    pub(crate) denied: u64,
    pub(crate) errors: u64,
    /// One of the errors, with its causes.
    pub(crate) error: Option<String>,
    pub(crate) slowest: Duration,
}

pub(super) struct Load(JoinSet<Seen>);

/// Starts the tasks of all clients. They run until `end`.
pub(super) fn start(throttle: &Throttle, end: Instant) -> Load {
    let mut tasks = JoinSet::new();
    for client in (0..CLIENTS * TASKS).map(|task| task % CLIENTS) {
        tasks.spawn(ask(throttle.clone(), client, end));
    }
    Load(tasks)
}

async fn ask(throttle: Throttle, client: usize, end: Instant) -> Seen {
    let mut seen = Seen::default();
    while Instant::now() < end {
        let asked = Instant::now();
        match throttle.hit(client).await {
            Ok(decision) if decision.is_allowed() => *seen.admitted.entry(client).or_default() += 1,
            Ok(_) => seen.denied += 1,
            Err(error) => {
                seen.errors += 1;
                seen.error = Some(format!("{error:?}"));
            }
        }
        seen.slowest = seen.slowest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    seen
}

impl Load {
    /// Waits for all tasks, and returns the sum of their results.
    pub(super) async fn end(self) -> Seen {
        self.0.join_all().await.into_iter().fold(Seen::default(), |mut all, seen| {
            for (client, admitted) in seen.admitted {
                *all.admitted.entry(client).or_default() += admitted;
            }
            all.denied += seen.denied;
            all.errors += seen.errors;
            all.error = all.error.or(seen.error);
            all.slowest = all.slowest.max(seen.slowest);
            all
        })
    }
}
