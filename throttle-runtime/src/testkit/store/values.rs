//! Values and their times to live, one at a time and several in one call.

use std::time::Duration;

use crate::backend::Store;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

/// A key that was never set has no value. Removing it does nothing.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b064_missing_keys_are_no_error<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("missing"));
    ensure!(!subject.is_there(&key).await?, "a key that was never set has a value");
    store.delete(&key).await?;
    ensure!(!subject.is_there(&key).await?, "`delete` makes a value");
    store.set(&key, "1", None).await?;
    store.delete(&key).await?;
    ensure!(!subject.is_there(&key).await?, "`delete` leaves the value");
    Ok(())
}

/// A stored value is returned unchanged, and the last one replaces the others: short values, and values of 64
/// KiB.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b064_values_come_back<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("value"));
    let long = "0Az+/".repeat(64 * 1024 / 5);
    for value in ["1", &long, "1AACgh+/", "-7", " '\"%\\{}", "2"] {
        store.set(&key, value, None).await?;
        let found = store.get(&key).await?;
        ensure!(found.as_deref() == Some(value), "of {} bytes came back {found:?}", value.len());
    }
    Ok(())
}

/// A value expires when its time to live has passed, also if that is a fraction of a second.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b065_values_expire<S: Store>(subject: &Subject<S>) -> Outcome {
    for (name, ttl) in [("part", Duration::from_millis(250)), ("whole", Duration::from_secs(1))] {
        let key = subject.key(name);
        subject.get().set(&key, "1", Some(ttl)).await?;
        ensure!(subject.is_there(&key).await?, "a value for {ttl:?} is gone at once");
        subject.pass(ttl).await;
        ensure!(subject.goes(&key).await?, "a value for {ttl:?} stays for longer");
    }
    Ok(())
}

/// If a time to live is rounded, it is rounded up, so a value never expires early.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b065_values_live_as_long_as_they_should<S: Store>(subject: &Subject<S>) -> Outcome {
    let (key, ttl) = (subject.key("long"), Duration::from_millis(1_900));
    subject.get().set(&key, "1", Some(ttl)).await?;
    subject.pass(Duration::from_millis(1_400)).await;
    ensure!(subject.is_there(&key).await?, "a value for {ttl:?} is gone after 1.4 s");
    Ok(())
}

/// A value without a time to live stays, also if it replaces a value with one.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b065_values_without_ttl_stay<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, fresh, again) = (subject.get(), subject.key("fresh"), subject.key("again"));
    store.set(&fresh, "1", None).await?;
    store.set(&again, "1", Some(Duration::from_millis(250))).await?;
    store.set(&again, "2", None).await?;
    subject.pass(Duration::from_millis(1_600)).await;
    ensure!(subject.is_there(&fresh).await?, "a value without a time to live goes");
    ensure!(subject.is_there(&again).await?, "a value inherits the time to live of the one before");
    Ok(())
}

/// [`Store::set`] replaces the time to live of the previous value.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b065_another_ttl_replaces_the_first<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, short, long) = (subject.get(), subject.key("short"), subject.key("long"));
    store.set(&short, "1", None).await?;
    store.set(&short, "1", Some(Duration::from_millis(250))).await?;
    store.set(&long, "1", Some(Duration::from_millis(250))).await?;
    store.set(&long, "2", Some(Duration::from_secs(60))).await?;
    subject.pass(Duration::from_millis(250)).await;
    ensure!(subject.goes(&short).await?, "`set` gives no time to live where there was none");
    subject.pass(Duration::from_millis(1_100)).await;
    let found = store.get(&long).await?;
    ensure!(found.as_deref() == Some("2"), "`set` gives no longer time to live");
    Ok(())
}

/// [`Store::multi_get`] returns a value for each key, in the order of the keys. Keys may be missing or occur
/// twice.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b069_many_values_come_in_the_order_of_their_keys<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, keys) = (subject.get(), ["d", "missing", "b", "a", "b", "c"].map(|key| subject.key(key)));
    let [d, missing, b, a, _, c] = &keys;
    store.multi_set(&[(a, "1"), (b, "2"), (c, "3"), (d, "4")], None).await?;
    let found = store.multi_get(&[d, missing, b, a, b, c]).await?;
    let expected = [Some("4"), None, Some("2"), Some("1"), Some("2"), Some("3")];
    ensure!(found.iter().map(Option::as_deref).eq(expected), "{found:?} in place of {expected:?}");
    ensure!(store.multi_get(&[]).await?.is_empty(), "no keys have a value");
    Ok(())
}

/// [`Store::multi_set`] gives every value the same time to live, or none.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b070_many_values_expire_as_one_does<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, ttl) = (subject.get(), Duration::from_millis(250));
    let [a, b, stays] = ["a", "b", "stays"].map(|key| subject.key(key));
    store.multi_set(&[(&stays, "1")], None).await?;
    store.multi_set(&[(&a, "1"), (&b, "1")], Some(ttl)).await?;
    for key in [&a, &b] {
        ensure!(subject.is_there(key).await?, "a value for {ttl:?} is gone at once");
    }
    subject.pass(ttl).await;
    for key in [&a, &b] {
        ensure!(subject.goes(key).await?, "a value for {ttl:?} stays for longer");
    }
    subject.pass(Duration::from_millis(1_100)).await;
    ensure!(subject.is_there(&stays).await?, "a value without a time to live goes");
    store.multi_set(&[], None).await?;
    Ok(())
}
