//! Compare and set.

use std::time::Duration;

use crate::backend::Store;
use crate::testkit::concurrent::crowd;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

/// [`Store::compare_and_set`] stores the new value if the key has the expected value, or if the key is missing
/// as expected. Otherwise, it changes nothing.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b078_a_swap_needs_what_was_expected<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("swap"));
    let swaps = [
        (Some("0"), "1", false, None),
        (None, "1", true, Some("1")),
        (None, "2", false, Some("1")),
        (Some("2"), "3", false, Some("1")),
        (Some("1"), "2", true, Some("2")),
        (Some("2"), "2", true, Some("2")),
    ];
    for (expected, value, stores, after) in swaps {
        let stored = store.compare_and_set(&key, expected, value, None).await?;
        ensure!(stored == stores, "a swap of {expected:?} for {value} answers {stored}");
        let found = store.get(&key).await?;
        ensure!(found.as_deref() == after, "a swap of {expected:?} for {value} leaves {found:?}");
    }
    Ok(())
}

/// Of concurrent swaps of one value, exactly one is stored.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b078_no_swap_is_lost<S: Store>(subject: &Subject<S>) -> Outcome {
    let swaps = crowd(4, |_| {
        let (store, key) = (subject.get().clone(), subject.key("swap"));
        async move {
            for _ in 0..5 {
                loop {
                    let found = store.get(&key).await?;
                    let next = found.as_deref().map_or(Ok(0), str::parse::<u64>)? + 1;
                    if store.compare_and_set(&key, found.as_deref(), &next.to_string(), None).await? {
                        break;
                    }
                }
            }
            Ok(())
        }
    });
    swaps.await?;
    let found = subject.get().get(&subject.key("swap")).await?;
    ensure!(found.as_deref() == Some("20"), "of 20 swaps, each by one more, came {found:?}");
    Ok(())
}

/// A swapped value expires like any other value, and is then the same as a missing one.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b078_swapped_values_expire<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key, ttl) = (subject.get(), subject.key("swap"), Duration::from_millis(250));
    store.set(&key, "1", None).await?;
    store.compare_and_set(&key, Some("1"), "2", Some(ttl)).await?;
    subject.pass(ttl).await;
    ensure!(subject.goes(&key).await?, "a value for {ttl:?} stays for longer");
    let stored = store.compare_and_set(&key, None, "3", None).await?;
    ensure!(stored, "what has expired is still compared");
    Ok(())
}
