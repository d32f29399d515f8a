//! Queries one of several equivalent servers, although some of them may be unreachable or hang.

use std::time::Duration;

use redis::Client;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::BackendError;
use crate::util::{deadline, random};

/// How long a server may take before the next one is queried as well.
const HEDGE_DELAY: Duration = Duration::from_millis(100);

/// Returns the first reply, or else the last error, if there was one.
pub(in crate::backend::redis) async fn first_reply<T, F>(
    servers: &[Client],
    limit: Duration,
    query: impl Fn(Client) -> F,
) -> Result<T, Option<BackendError>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, BackendError>> + Send + 'static,
{
    let mut left = limit;
    // A random start, so that processes that lose a server together do not all query the same one.
    let (before, from) = servers.split_at(random::index(servers.len()));
    let mut others = from.iter().chain(before);
    let mut queries = JoinSet::new();
    let mut last_error = None;
    let mut all_queried = false;
    while !left.is_zero() {
        let wait = match others.next() {
            Some(other) => {
                queries.spawn(query(other.clone()));
                left.min(HEDGE_DELAY)
            }
            None => {
                all_queried = true;
                left
            }
        };
        let begun = Instant::now();
        match deadline::timeout(wait, queries.join_next()).await {
            Ok(Some(Ok(Ok(reply)))) => return Ok(reply),
            Ok(Some(Ok(Err(error)))) => last_error = Some(error),
            Ok(None) if all_queried => break,
            // A late server may still be the first to reply.
            Ok(Some(Err(_)) | None) | Err(_) => {}
        }
        // Time in which this process was paused does not count.
        left = left.saturating_sub(begun.elapsed().min(wait));
    }
    Err(last_error)
}
