//! Resets, and the form of answers.

use super::Limit;
use crate::backend::{Backend, Mode};
use crate::decision::Quota;
use crate::key::Key;
use crate::rate::Rate;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

/// After a reset, the usage is zero.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn b074_a_reset_forgets_everything<B: Backend>(subject: &Subject<B>) -> Outcome {
    let (backend, limit) = (&**subject.get(), Limit::per_month(subject.name(), &[5, 7]));
    for key in ["a", "b"] {
        limit.decide(backend, key, 5, Mode::Consume).await?;
    }
    backend.reset().await?;
    for key in ["a", "b"] {
        let left = limit.left(backend, key).await?;
        ensure!(left == [5, 7], "after a reset {left:?} are left of [5, 7]");
    }
    Ok(())
}

/// With every strategy, the identities that are reset have no usage, and all other identities keep theirs.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn b074_who_is_forgotten_is_forgotten_alone<B: Backend>(subject: &Subject<B>) -> Outcome {
    let (backend, name) = (&**subject.get(), subject.name());
    let keys = ["a", "b", "c"].map(Key::from);
    let several = Limit::per_month(name, &[5, 7]);
    let elsewhere = Limit::per_month(&format!("{name}:2"), &[5]);
    elsewhere.decide(backend, "a", 2, Mode::Consume).await?;
    for limit in Limit::of_each_strategy(name, 5).into_iter().chain([several]) {
        let unused = limit.left(backend, "a").await?;
        // At some hours, a limit by the time of day is larger.
        let all = unused.iter().copied().min().unwrap_or_default();
        for key in &keys {
            limit.decide(backend, key.clone(), all, Mode::Consume).await?;
            ensure!(
                !limit.decide(backend, key.clone(), 1, Mode::Consume).await?.fits(),
                "{limit:?}: one more than {all} fits"
            );
        }
        let used = limit.left(backend, "c").await?;
        for time in ["once", "twice"] {
            backend.forget(&[limit.charge(&keys[0], 1), limit.charge(&keys[1], 9)]).await?;
            let left = [limit.left(backend, "a").await?, limit.left(backend, "b").await?];
            let is_new = left.iter().all(|left| *left == unused);
            ensure!(is_new, "{limit:?}: forgotten {time}, {left:?} are left of {unused:?}");
        }
        let fits = limit.decide(backend, "a", all, Mode::Consume).await?.fits();
        ensure!(fits, "{limit:?}: who is forgotten is denied as before");
        let left = limit.left(backend, "c").await?;
        ensure!(left == used, "{limit:?}: another one who had {used:?} left has {left:?}");
    }
    let left = elsewhere.left(backend, "a").await?;
    ensure!(left == [3], "of another throttle {left:?} are left of 5 less 2");
    Ok(())
}

/// There is a quota for each limit of each charge, in their order, also for unlimited rates.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn quotas_come_in_the_order_of_the_limits<B: Backend>(subject: &Subject<B>) -> Outcome {
    let (backend, name) = (&**subject.get(), subject.name());
    let mut first = Limit::per_month(name, &[5, 3, 9]);
    first.rates.insert(1, Rate::UNLIMITED);
    let second = Limit::per_month(&format!("{name}:2"), &[2]);
    let keys = [Key::from("b"), Key::from("a")];
    let charges = [first.charge(&keys[0], 1), second.charge(&keys[1], 1), first.charge(&keys[1], 1)];
    let asked: Vec<_> = charges.iter().flat_map(|charge| charge.rates).copied().collect();
    for fits in [true, true, false] {
        let quotas = backend.decide(&charges, Mode::Consume).await?.quotas;
        let answered: Vec<_> = quotas.iter().map(Quota::rate).collect();
        ensure!(answered == asked, "asked about {asked:?}, it answers about {answered:?}");
        ensure!(quotas.iter().all(Quota::fits) == fits, "the answer is {quotas:?}");
    }
    let left = [first.left(backend, "b").await?, first.left(backend, "a").await?].concat();
    ensure!(left == [3, u64::MAX, 1, 7].repeat(2), "{left:?} are left");
    Ok(())
}
