//! Concurrent tasks. Alone because the properties of stores and of backends both run them.

use super::Outcome;

/// Runs this many tasks concurrently, and returns the results of all of them.
pub(super) async fn crowd<T, F>(tasks: usize, task: impl Fn(usize) -> F) -> Outcome<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Outcome<T>> + Send + 'static,
{
    let running: Vec<_> = (0..tasks).map(|number| tokio::spawn(task(number))).collect();
    let mut found = Vec::with_capacity(tasks);
    for task in running {
        found.push(task.await??);
    }
    Ok(found)
}
