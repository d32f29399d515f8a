//! What a store does that has no better way of its own.

use std::time::Duration;

use super::Store;

/// How long these hold a lock at most.
const LOCK: Duration = Duration::from_secs(2);

pub(super) async fn increment_with_ttl<S: Store + ?Sized>(
    store: &S,
    key: &str,
    by: i64,
    ttl: Duration,
) -> Result<i64, S::Error> {
    let lock = Lock::of(store, key).await?;
    let sum = async {
        let is_new = store.get(key).await?.is_none();
        let sum = store.increment(key, by).await?;
        if is_new {
            store.expire(key, ttl).await?;
        }
        Ok(sum)
    };
    let sum = sum.await;
    lock.free(store).await?;
    sum
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
