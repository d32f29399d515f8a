//! Adds to a counter, up to a limit.

/// The result of [`Store::increment_within`](super::Store::increment_within).
///
/// ```
/// use throttle::backend::Increment;
///
/// /// Adds to a counter. A store does this in one atomic step.
/// fn add(counter: &mut i64, by: i64, limit: i64) -> Increment {
///     if *counter + by > limit {
///         return Increment::Exceeded(*counter);
///     }
///     *counter += by;
///     Increment::Added(*counter)
/// }
///
/// let mut counter = 3;
/// assert_eq!(add(&mut counter, 3, 5), Increment::Exceeded(3));
/// assert_eq!(add(&mut counter, 2, 5), Increment::Added(5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Increment {
    /// The units were added. Contains the sum.
    Added(i64),
    /// The units were not added, because the sum would exceed the limit. Contains the present value.
    Exceeded(i64),
}

/// Adds to a counter up to a limit, by means of an `increment` that has no limit: adds the units, and
/// subtracts them again if the sum exceeds the limit. Stores can implement
/// [`Store::increment_within`](super::Store::increment_within) with it.
///
/// `increment` adds its argument, which may be negative, in one atomic step, and returns the sum. An
/// admission is one call, and a denial is two calls. If `by` is 0 or negative, the number is read first, by
/// adding 0, unless the limit is `i64::MAX`.
///
/// - Requests above the limit are never admitted.
/// - A negative `by` is never subtracted and added again, because other requests would be admitted meanwhile.
///   Units that are added between the two calls may leave a sum above the limit.
/// - Requests with equal costs are admitted exactly up to the limit. Between the two calls of a denial, its
///   units count for other requests. Meanwhile, a request may be denied although it would have fitted, if it
///   has another cost, covers several identities, or follows a refund. The next request is not affected.
/// - If the process dies or the store fails between the two calls, the units of one request stay charged
///   until the window ends.
///
/// A store that can add conditionally in one step has none of these restrictions.
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
/// The errors of `increment`.
pub async fn increment_or_take_back<E, F>(
    by: i64,
    limit: i64,
    increment: impl Fn(i64) -> F,
) -> Result<Increment, E>
where
    F: Future<Output = Result<i64, E>>,
{
    if by <= 0 && limit < i64::MAX {
        let number = increment(0).await?;
        if number.saturating_add(by) > limit {
            return Ok(Increment::Exceeded(number));
        }
    }
    loop {
        let sum = increment(by).await?;
        if by <= 0 || sum <= limit {
            return Ok(Increment::Added(sum));
        }
        let left = increment(by.saturating_neg()).await?;
        if left.saturating_add(by) > limit {
            return Ok(Increment::Exceeded(left));
        }
        // Meanwhile, another denied request has subtracted the units that kept this request out.
    }
}
