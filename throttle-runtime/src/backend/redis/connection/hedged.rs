//! Queries one of several equivalent servers, although some of them may be unreachable or hang.

use std::time::Duration;

use redis::Client;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::BackendError;
use crate::util::{deadline, random};

/// How long a server may take before the next one is queried as well.
const PATIENCE: Duration = Duration::from_millis(100);

/// Returns the first reply, or else the last error, if there was one.
pub(in crate::backend::redis) async fn first_answer<T, F>(
    of: &[Client],
    limit: Duration,
    ask: impl Fn(Client) -> F,
) -> Result<T, Option<BackendError>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, BackendError>> + Send + 'static,
{
    let mut left = limit;
    // A random start, so that processes that lose a server together do not all query the same one.
    let (before, from) = of.split_at(random::index(of.len()));
    let mut others = from.iter().chain(before);
    let mut asked = JoinSet::new();
    let mut why = None;
    let mut last = false;
    while !left.is_zero() {
        let turn = match others.next() {
            Some(other) => {
                asked.spawn(ask(other.clone()));
                left.min(PATIENCE)
            }
            None => {
                last = true;
                left
            }
        };
        let begun = Instant::now();
        match deadline::timeout(turn, asked.join_next()).await {
            Ok(Some(Ok(Ok(answer)))) => return Ok(answer),
            Ok(Some(Ok(Err(error)))) => why = Some(error),
            Ok(None) if last => break,
            // A late server may still be the first to reply.
            Ok(Some(Err(_)) | None) | Err(_) => {}
        }
        // Time in which this process was paused does not count.
        left = left.saturating_sub(begun.elapsed().min(turn));
    }
    Err(why)
}
