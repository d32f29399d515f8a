//! Adding to a counter, up to a limit.

/// The result of [`Store::increment_within`](super::Store::increment_within).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Increment {
    /// Added. This is the sum.
    Added(i64),
    /// Not added, because the sum would exceed the limit. This is the present value.
    Exceeded(i64),
}

/// Adds up to a limit with an `increment` that knows no limit: adds, and takes
/// back what exceeds the limit. For stores that implement [`Store::increment_within`](super::Store::increment_within) with it.
///
/// `increment` adds its argument, which may be negative, in one step, and returns the sum. So an admission is one call, and a
/// denial two.
///
/// - More than the limit is never admitted.
/// - Requests of one cost are admitted exactly up to the limit. Between the two calls of a denial its units count for others,
///   so a request of another cost, one about several identities, or one after a refund may be denied although it would have
///   fitted. The next request is not.
/// - A process that dies between the two calls, or a store that is lost between them, leaves the units of one request charged
///   until the window ends.
///
/// A store that can add under a condition, in one step, has none of these limits.
///
/// ```
/// use std::sync::atomic::{AtomicI64, Ordering};
/// use throttle::backend::{Increment, increment_or_take_back};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let counter = AtomicI64::new(0);
/// let add = |by| {
///     let sum = counter.fetch_add(by, Ordering::SeqCst) + by;
///     async move { Ok::<i64, std::convert::Infallible>(sum) }
/// };
/// assert_eq!(increment_or_take_back(3, 5, add).await, Ok(Increment::Added(3)));
/// assert_eq!(increment_or_take_back(3, 5, add).await, Ok(Increment::Exceeded(3)));
/// assert_eq!(increment_or_take_back(2, 5, add).await, Ok(Increment::Added(5)));
/// # }
/// ```
///
/// # Errors
///
/// Those of `increment`.
pub async fn increment_or_take_back<E, F>(
    by: i64,
    limit: i64,
    increment: impl Fn(i64) -> F,
) -> Result<Increment, E>
where
    F: Future<Output = Result<i64, E>>,
{
    loop {
        let sum = increment(by).await?;
        if by <= 0 || sum <= limit {
            return Ok(Increment::Added(sum));
        }
        let left = increment(by.saturating_neg()).await?;
        if left.saturating_add(by) > limit {
            return Ok(Increment::Exceeded(left));
        }
        // Another request was denied meanwhile, and has taken back what kept this one out.
    }
}
