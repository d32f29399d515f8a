//! The records that a backend keeps in a store.

use std::sync::Arc;

use crate::backend::{Mode, Store};
use crate::testkit::backend::{Limit, are_exact};
use crate::testkit::concurrent::crowd;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

/// Damaged values, and values of other programs, count as missing. No strategy fails or panics.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b079_damaged_records_count_as_nothing<S: Store>(subject: &Subject<S>) -> Outcome {
    let stored = subject.stored();
    for limit in Limit::of_each_strategy(subject.name(), 5) {
        let name = stored.name_of(&limit.charge(&"a".into(), 1));
        for damaged in ["0", "NaN", "inf", "-1", "1", "1A", "1AAAA//////", "{\"tokens\": 5}", "9AAAA", "1BAA"]
        {
            subject.get().set(&name, damaged, None).await?;
            let verdict = limit.decide(&stored, "a", 1, Mode::Consume).await?;
            ensure!(verdict.fits(), "{limit:?} is used up by the value {damaged:?}");
        }
    }
    Ok(())
}

/// Several backends on one store, as in several processes, admit together as many requests as the limits allow.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b081_backends_of_one_store_share_their_limits<S: Store>(subject: &Subject<S>) -> Outcome {
    share(subject, &[15, 30]).await
}

/// Several backends on one store admit together as many requests as a single limit allows. A single limit is
/// the form of state that [`Store::increment_within`] counts.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b081_backends_of_one_store_share_a_window<S: Store>(subject: &Subject<S>) -> Outcome {
    share(subject, &[15]).await
}

async fn share<S: Store>(subject: &Subject<S>, limits: &[u64]) -> Outcome {
    let limit = Arc::new(Limit::per_month(subject.name(), limits));
    let admitted = crowd(4, |_| {
        let (stored, limit) = (subject.stored(), Arc::clone(&limit));
        async move {
            let mut admitted = 0;
            for _ in 0..8 {
                admitted += u64::from(limit.decide(&stored, "a", 1, Mode::Consume).await?.fits());
            }
            Ok(admitted)
        }
    });
    let admitted: u64 = admitted.await?.iter().sum();
    ensure!(admitted == 15, "of 32 requests in four processes {admitted} pass a limit of 15");
    Ok(())
}

/// Several backends on one store are exact for decisions on several identities, concurrent with decisions on
/// each identity alone.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b081_backends_of_one_store_decide_on_several_identities<S: Store>(
    subject: &Subject<S>,
) -> Outcome {
    are_exact(subject.name(), &|| Arc::new(subject.stored())).await
}
