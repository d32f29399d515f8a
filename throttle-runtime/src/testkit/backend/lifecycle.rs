//! Reset, and the shape of answers.

use super::Limit;
use crate::backend::{Backend, Mode};
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};
use crate::{Key, Quota, Rate};

/// After a reset nothing was used.
pub async fn b074_a_reset_forgets_everything<B: Backend>(subject: &Subject<B>) -> Outcome {
    let (backend, limit) = (&**subject.get(), Limit::per_month(subject.name(), &[5, 7]));
    for key in ["a", "b"] {
        limit.decide(backend, key, 5, Mode::Take).await?;
    }
    backend.reset().await?;
    for key in ["a", "b"] {
        let left = limit.left(backend, key).await?;
        ensure!(left == [5, 7], "after a reset {left:?} are left of [5, 7]");
    }
    Ok(())
}

/// There is a quota for each limit of each charge, in their order, also for those without a limit.
pub async fn quotas_come_in_the_order_of_the_limits<B: Backend>(subject: &Subject<B>) -> Outcome {
    let (backend, name) = (&**subject.get(), subject.name());
    let mut first = Limit::per_month(name, &[5, 3, 9]);
    first.rates.insert(1, Rate::UNLIMITED);
    let second = Limit::per_month(&format!("{name}:2"), &[2]);
    let keys = [Key::from("b"), Key::from("a")];
    let charges = [first.charge(&keys[0], 1), second.charge(&keys[1], 1), first.charge(&keys[1], 1)];
    let asked: Vec<_> = charges.iter().flat_map(|charge| charge.rates).copied().collect();
    for fits in [true, true, false] {
        let quotas = backend.decide(&charges, Mode::Take).await?.quotas;
        let answered: Vec<_> = quotas.iter().map(Quota::rate).collect();
        ensure!(answered == asked, "asked about {asked:?}, it answers about {answered:?}");
        ensure!(quotas.iter().all(Quota::fits) == fits, "the answer is {quotas:?}");
    }
    let left = [first.left(backend, "b").await?, first.left(backend, "a").await?].concat();
    ensure!(left == [3, u64::MAX, 1, 7].repeat(2), "{left:?} are left");
    Ok(())
}
