//! Several values in one call.

use std::time::Duration;

use crate::backend::Store;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

/// [`Store::multi_get`] returns a value for each key, in the order of the keys. Keys may be missing or occur
/// twice.
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
