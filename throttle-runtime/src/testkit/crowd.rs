//! Many at once.

use super::Outcome;

/// Runs so many tasks side by side, and gives back what each of them has found.
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
