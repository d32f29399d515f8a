//! The default implementations of the methods of `Store`.

use std::time::Duration;

use super::backoff::Patience;
use super::{Increment, Store, increment_or_take_back};

/// The maximum time for which these functions hold a lock.
const LOCK: Duration = Duration::from_secs(2);

/// How long the empty value of a released lock is kept.
const FREE: Duration = Duration::from_millis(1);

/// A store without locks needs a compare-and-set, from which locks are built.
const fn needs_compare_and_set(compares: bool) {
    assert!(
        compares,
        "a `Store` implements `try_lock` and `unlock`, or sets `COMPARE_AND_SET` and implements `compare_and_set`"
    );
}

pub(super) async fn increment_within<S: Store + ?Sized>(
    store: &S,
    key: &str,
    by: i64,
    limit: i64,
    ttl: Duration,
) -> Result<Increment, S::Error> {
    increment_or_take_back(by, limit, |by| store.increment_with_ttl(key, by, ttl)).await
}

pub(super) async fn increment_with_ttl<S: Store + ?Sized>(
    store: &S,
    key: &str,
    by: i64,
    ttl: Option<Duration>,
) -> Result<i64, S::Error> {
    let mut patience = Patience::new();
    loop {
        let found = store.get(key).await?;
        let number = found.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0_i64);
        let sum = number.saturating_add(by);
        if store.compare_and_set(key, found.as_deref(), &sum.to_string(), ttl).await? {
            return Ok(sum);
        }
        patience.wait(LOCK).await;
    }
}

pub(super) async fn expire<S: Store + ?Sized>(store: &S, key: &str, ttl: Duration) -> Result<(), S::Error> {
    while let Some(found) = store.get(key).await? {
        if store.compare_and_set(key, Some(&found), &found, Some(ttl)).await? {
            break;
        }
    }
    Ok(())
}

/// The value of a lock is its token, or empty once the lock is free. The last token is stored beside it.
pub(super) async fn try_lock<S: Store + ?Sized>(
    store: &S,
    key: &str,
    ttl: Duration,
) -> Result<Option<u64>, S::Error> {
    const { needs_compare_and_set(S::COMPARE_AND_SET) };
    let found = store.get(key).await?;
    if found.as_deref().is_some_and(|text| !text.is_empty()) {
        return Ok(None);
    }
    let tokens = format!("{key}:token");
    let token = loop {
        let last = store.get(&tokens).await?;
        let token = last.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0_u64).saturating_add(1);
        if store.compare_and_set(&tokens, last.as_deref(), &token.to_string(), None).await? {
            break token;
        }
    };
    let taken = store.compare_and_set(key, found.as_deref(), &token.to_string(), Some(ttl)).await?;
    Ok(taken.then_some(token))
}

pub(super) async fn unlock<S: Store + ?Sized>(store: &S, key: &str, token: u64) -> Result<bool, S::Error> {
    const { needs_compare_and_set(S::COMPARE_AND_SET) };
    store.compare_and_set(key, Some(&token.to_string()), "", Some(FREE)).await
}

pub(super) async fn multi_get<S: Store + ?Sized>(
    store: &S,
    keys: &[&str],
) -> Result<Vec<Option<String>>, S::Error> {
    let mut values = Vec::with_capacity(keys.len());
    for key in keys {
        values.push(store.get(key).await?);
    }
    Ok(values)
}

pub(super) async fn multi_set<S: Store + ?Sized>(
    store: &S,
    items: &[(&str, &str)],
    ttl: Option<Duration>,
) -> Result<(), S::Error> {
    for (key, value) in items {
        store.set(key, value, ttl).await?;
    }
    Ok(())
}

pub(super) async fn compare_and_set<S: Store + ?Sized>(
    store: &S,
    key: &str,
    expected: Option<&str>,
    value: &str,
    ttl: Option<Duration>,
) -> Result<bool, S::Error> {
    let lock = Lock::of(store, key).await?;
    let stored = async {
        let is_expected = store.get(key).await?.as_deref() == expected;
        if is_expected {
            store.set(key, value, ttl).await?;
        }
        Ok(is_expected)
    };
    let stored = stored.await;
    lock.free(store).await?;
    stored
}

/// The lock of a key, under a name that no value has.
struct Lock {
    name: String,
    token: u64,
}

impl Lock {
    async fn of<S: Store + ?Sized>(store: &S, key: &str) -> Result<Self, S::Error> {
        let name = format!("{key}:lock");
        loop {
            if let Some(token) = store.get_lock(&name, LOCK, LOCK).await? {
                return Ok(Self { name, token });
            }
        }
    }

    async fn free<S: Store + ?Sized>(self, store: &S) -> Result<(), S::Error> {
        store.unlock(&self.name, self.token).await.map(drop)
    }
}
