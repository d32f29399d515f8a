//! Several limits or several identities in one decision.

use std::sync::Arc;

use super::Limit;
use crate::backend::{Backend, Mode};
use crate::decision::Quota;
use crate::key::Key;
use crate::testkit::concurrent::crowd;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

/// Of several limits, all are charged or none.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn all_limits_are_charged_or_none<B: Backend>(subject: &Subject<B>) -> Outcome {
    let backend = &**subject.get();
    for (limits, tightest) in [([3, 9], 0), ([9, 3], 1)] {
        let limit = Limit::per_month(subject.name(), &limits);
        let key = format!("{tightest}");
        let expected = limits.map(|limit| limit - 3);
        for request in 0..5 {
            let answer = limit.decide(backend, &key, 1, Mode::Consume).await?;
            let said: Vec<_> = answer.0.quotas.iter().map(Quota::remaining).collect();
            let is_true = request < 2 || said == expected;
            ensure!(is_true, "request {request} is told that of {limits:?} {said:?} are left");
        }
        let left = limit.left(backend, &key).await?;
        ensure!(left == expected, "of {limits:?} five requests left {left:?} in place of {expected:?}");
    }
    Ok(())
}

/// Of several identities, all are charged or none.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn all_identities_are_charged_or_none<B: Backend>(subject: &Subject<B>) -> Outcome {
    let (backend, limit) = (&**subject.get(), Limit::per_month(subject.name(), &[5]));
    for keys in [["a", "b"], ["d", "c"], ["e", "f"]] {
        limit.decide(backend, keys[1], 4, Mode::Consume).await?;
        ensure!(limit.decide_all(backend, &keys, 1).await?.fits(), "one of four and one of one do not fit");
        ensure!(!limit.decide_all(backend, &keys, 1).await?.fits(), "one of none fits");
        let left = [limit.left(backend, keys[0]).await?, limit.left(backend, keys[1]).await?].concat();
        ensure!(left == [4, 0], "a denied decision on two identities left {left:?} in place of [4, 0]");
    }
    Ok(())
}

/// An identity that a decision names twice is charged twice.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn an_identity_pays_twice<B: Backend>(subject: &Subject<B>) -> Outcome {
    let (backend, limit) = (&**subject.get(), Limit::per_month(subject.name(), &[5]));
    ensure!(!limit.decide_all(backend, &["a", "a"], 3).await?.fits(), "twice three of five fit");
    ensure!(limit.decide_all(backend, &["a", "a"], 2).await?.fits(), "twice two of five do not fit");
    let left = limit.left(backend, "a").await?;
    ensure!(left == [1], "twice two of five left {left:?}");
    Ok(())
}

/// Concurrent decisions on two identities, in either order, and on each identity alone: exactly the units that
/// no decision charged are left.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn concurrent_decisions_on_several_identities_are_exact<B: Backend>(
    subject: &Subject<B>,
) -> Outcome {
    are_exact(subject.name(), &|| Arc::clone(subject.get())).await
}

/// Checks that such decisions are exact, each on a backend that `make` creates.
pub(in crate::testkit) async fn are_exact<B: Backend>(
    scope: &str,
    make: &(dyn Fn() -> Arc<B> + Sync),
) -> Outcome {
    let limit = Arc::new(Limit::per_month(scope, &[2]));
    for round in 0..40 {
        let (a, b) = (format!("a{round}"), format!("b{round}"));
        let asked =
            [vec![a.clone(), b.clone()], vec![b.clone(), a.clone()], vec![a.clone()], vec![b.clone()]];
        let admitted = crowd(asked.len(), |task| {
            let (backend, limit, keys) = (make(), Arc::clone(&limit), asked[task].clone());
            async move {
                let keys: Vec<_> = keys.iter().map(String::as_str).collect();
                // The tasks interleave differently in each round.
                for _ in 0..(round * (task + 1)) % 37 {
                    tokio::task::yield_now().await;
                }
                Ok(u64::from(limit.decide_all(&*backend, &keys, 1).await?.fits()))
            }
        });
        let admitted = admitted.await?;
        let both = admitted[0] + admitted[1];
        for (key, alone) in [(&a, admitted[2]), (&b, admitted[3])] {
            let left = limit.left(&*make(), key).await?;
            let is_rest = left[0].checked_add(both + alone) == Some(2);
            ensure!(is_rest, "{both} decisions on two and {alone} on one left {left:?} of 2");
        }
        let most = both + admitted[2].max(admitted[3]);
        ensure!(most == 2, "of 2 for each only {admitted:?} were admitted");
    }
    Ok(())
}

/// A refund returns what a decision charged, and never more.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn refunds_give_back_what_was_taken<B: Backend>(subject: &Subject<B>) -> Outcome {
    let (backend, key) = (&**subject.get(), Key::from("a"));
    let limit = Limit::per_month(subject.name(), &[5]);
    let taken = limit.decide(backend, key.clone(), 3, Mode::Consume).await?;
    let refund = [limit.charge(&key, 2)];
    backend.refund(&refund, taken.0.at).await?;
    let left = limit.left(backend, key.clone()).await?;
    ensure!(left == [4], "five less three and two back are {left:?}");
    backend.refund(&refund, taken.0.at).await?;
    backend.refund(&refund, taken.0.at).await?;
    let left = limit.left(backend, key.clone()).await?;
    ensure!(left == [5], "five less three and six back are {left:?}");
    for limit in Limit::of_each_strategy(subject.name(), 5) {
        let (key, fit) = (Key::from("b"), limit.left(backend, "b").await?);
        let taken = limit.decide(backend, key.clone(), 2, Mode::Consume).await?;
        backend.refund(&[limit.charge(&key, 2)], taken.0.at).await?;
        let left = limit.left(backend, "b").await?;
        ensure!(left <= fit, "{limit:?}: of {fit:?} a refund leaves {left:?}");
    }
    Ok(())
}
