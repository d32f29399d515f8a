//! Promise 2: denials and queries change nothing.

use super::Limit;
use crate::backend::{Backend, Mode};
use crate::decision::Quota;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

/// A query consumes nothing, and returns the same result as the request would.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn b092_questions_take_nothing<B: Backend>(subject: &Subject<B>) -> Outcome {
    let backend = &**subject.get();
    for limit in Limit::of_each_strategy(subject.name(), 3) {
        loop {
            let before = limit.left(backend, "a").await?;
            let asked = limit.decide(backend, "a", 1, Mode::Peek).await?.fits();
            let after = limit.left(backend, "a").await?;
            ensure!(before == after, "{limit:?}: before a question {before:?} are left, and then {after:?}");
            let decided = limit.decide(backend, "a", 1, Mode::Consume).await?.fits();
            ensure!(asked == decided, "{limit:?}: the answer is {asked}, the decision then {decided}");
            if !decided {
                break;
            }
        }
    }
    Ok(())
}

/// With every strategy, a denied request consumes nothing and does not extend the wait.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn b093_a_denied_request_changes_nothing<B: Backend>(subject: &Subject<B>) -> Outcome {
    let backend = &**subject.get();
    for limit in Limit::of_each_strategy(subject.name(), 4) {
        let fit: u64 = limit.left(backend, "a").await?.into_iter().sum();
        limit.decide(backend, "a", 1, Mode::Consume).await?;
        let denied = limit.decide(backend, "a", fit, Mode::Consume).await?;
        ensure!(!denied.fits(), "{limit:?}: all of {fit} fit after one");
        let left: u64 = limit.left(backend, "a").await?.into_iter().sum();
        ensure!(left + 1 == fit, "{limit:?}: after one of {fit} and a denied request {left} are left");

        limit.decide(backend, "a", left, Mode::Consume).await?;
        let first = limit.decide(backend, "a", 1, Mode::Consume).await?.fits_at();
        for _ in 0..5 {
            let next = limit.decide(backend, "a", 1, Mode::Consume).await?.fits_at();
            ensure!(first.is_some() && next == first, "{limit:?}: the wait moves from {first:?} to {next:?}");
        }
    }
    Ok(())
}

/// A request that costs more than the limit ever holds is never admitted, and the answer reports that instead
/// of a wait.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn b093_what_never_fits_is_no_wait<B: Backend>(subject: &Subject<B>) -> Outcome {
    let backend = &**subject.get();
    for limit in Limit::of_each_strategy(subject.name(), 3) {
        let answer = limit.decide(backend, "a", 1_000, Mode::Consume).await?;
        let is_never = answer.0.quotas.iter().all(Quota::is_never);
        ensure!(is_never && answer.fits_at().is_none(), "{limit:?}: 1000 of 3 are told to wait");
    }
    Ok(())
}
