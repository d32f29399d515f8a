//! Asking one of several who know the same, however many of them are gone or hang.

use std::time::Duration;

use redis::Client;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::BackendError;
use crate::random;

/// How long one is waited for before the next one is asked as well.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long all of them may take together: the rest of an attempt is for whom they name.
pub(in crate::backend::redis) const ALL: Duration = Duration::from_millis(600);

/// The first answer, or else the last error, if there was any.
pub(in crate::backend::redis) async fn first_answer<T, F>(
    of: &[Client],
    ask: impl Fn(Client) -> F,
) -> Result<T, Option<BackendError>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, BackendError>> + Send + 'static,
{
    let end = Instant::now() + ALL;
    // All processes that lose a server together do not ask the same one.
    let (before, from) = of.split_at(random::index(of.len()));
    let mut others = from.iter().chain(before);
    let mut asked = JoinSet::new();
    let mut why = None;
    loop {
        let patience = match others.next() {
            Some(other) => {
                asked.spawn(ask(other.clone()));
                Instant::now() + PATIENCE
            }
            None => end,
        };
        match timeout_at(patience.min(end), asked.join_next()).await {
            Ok(Some(Ok(Ok(answer)))) => return Ok(answer),
            Ok(Some(Ok(Err(error)))) => why = Some(error),
            Ok(None) => break,
            Err(_) if Instant::now() >= end => break,
            // Who is late may still be the first to answer.
            Ok(Some(Err(_))) | Err(_) => {}
        }
    }
    Err(why)
}
