//! Promise 1: exactly as many requests pass as the limit allows.

use std::sync::Arc;

use super::Limit;
use crate::backend::{Backend, Mode};
use crate::testkit::concurrent::crowd;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

/// With every strategy, exactly as many concurrent requests pass as fit.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn b081_as_many_pass_as_the_limit_says<B: Backend>(subject: &Subject<B>) -> Outcome {
    for limit in Limit::of_each_strategy(subject.name(), 20) {
        let limit = Arc::new(limit);
        let fit: u64 = limit.left(&**subject.get(), "a").await?.into_iter().sum();
        let admitted = crowd(4, |_| {
            let (backend, limit) = (Arc::clone(subject.get()), Arc::clone(&limit));
            async move {
                let mut admitted = 0;
                for _ in 0..fit / 2 {
                    let answer = limit.decide(&*backend, "a", 1, Mode::Consume).await?;
                    admitted += u64::from(answer.fits());
                }
                Ok(admitted)
            }
        });
        let admitted: u64 = admitted.await?.iter().sum();
        ensure!(admitted == fit, "{limit:?}: of {} requests at once {admitted} pass", fit / 2 * 4);
    }
    Ok(())
}

/// The remaining quota in an answer is correct, after requests of any cost.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn b081_what_remains_is_what_was_not_used<B: Backend>(subject: &Subject<B>) -> Outcome {
    let limit = Limit::per_month(subject.name(), &[20, 12]);
    let mut left = vec![20, 12];
    for cost in [1, 3, 0, 5] {
        let answer = limit.decide(&**subject.get(), "a", cost, Mode::Consume).await?;
        ensure!(answer.fits(), "{cost} of {left:?} do not fit");
        left = left.iter().map(|left| left - cost).collect();
        let found = limit.left(&**subject.get(), "a").await?;
        let said: Vec<_> = answer.0.quotas.iter().map(crate::decision::Quota::remaining).collect();
        ensure!(said == left && found == left, "{said:?}, then {found:?} are left in place of {left:?}");
    }
    Ok(())
}
