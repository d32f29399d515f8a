//! Locks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::Store;
use crate::testkit::concurrent::crowd;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject, Violation};

use super::{GRACE, LOOK};

/// Longer than any property takes.
const LONG: Duration = Duration::from_secs(300);

impl<S: Store> Subject<S> {
    /// Acquires a lock that is free.
    async fn take(&self, key: &str, ttl: Duration) -> Outcome<u64> {
        let token = self.get().try_lock(key, ttl).await?;
        token.ok_or_else(|| Violation::new("a lock that nobody has is refused".to_owned()))
    }

    async fn is_locked(&self, key: &str) -> Outcome<bool> {
        let token = self.get().try_lock(key, LONG).await?;
        if let Some(token) = token {
            self.get().unlock(key, token).await?;
        }
        Ok(token.is_none())
    }
}

/// A caller that does not wait is rejected immediately. A caller that waits for 200 ms is rejected after 200
/// ms.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b071_a_held_lock_is_refused<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key, other) = (subject.get(), subject.key("lock"), subject.key("other"));
    let token = subject.take(&key, LONG).await?;
    for timeout in [Duration::ZERO, Duration::from_millis(200)] {
        let begin = Instant::now();
        let second = store.get_lock(&key, LONG, timeout).await?;
        ensure!(second.is_none(), "a lock has two holders");
        let waited = begin.elapsed();
        let range = timeout..timeout + Duration::from_millis(800);
        ensure!(range.contains(&waited), "who waits for {timeout:?} is refused after {waited:?}");
    }
    ensure!(store.try_lock(&key, LONG).await?.is_none(), "a lock has two holders");
    ensure!(!subject.is_locked(&other).await?, "one lock locks others");
    ensure!(store.unlock(&key, token).await?, "a holder cannot free his lock");
    ensure!(!subject.is_locked(&key).await?, "a lock that was freed is refused");
    Ok(())
}

/// A waiting caller gets the lock when it is released.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b071_a_waiter_gets_the_lock<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("lock"));
    let token = subject.take(&key, LONG).await?;
    let waiter = tokio::spawn({
        let (store, key) = (Arc::clone(store), key.clone());
        async move { store.get_lock(&key, LONG, Duration::from_secs(5)).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    ensure!(store.unlock(&key, token).await?, "a holder cannot free his lock");
    ensure!(waiter.await??.is_some(), "a waiter is refused although the lock was freed");
    Ok(())
}

/// Of many callers that want a lock, one holds it at a time.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b071_a_lock_has_one_holder_at_a_time<S: Store>(subject: &Subject<S>) -> Outcome {
    let inside = Arc::new(AtomicBool::new(false));
    let holders = crowd(6, |_| {
        let (store, key, inside) = (subject.get().clone(), subject.key("lock"), inside.clone());
        async move {
            for _ in 0..4 {
                let token = store.get_lock(&key, LONG, Duration::from_secs(20)).await?;
                let Some(token) = token else {
                    return Err(Violation::new("a waiter does not get the lock in 20 s".to_owned()));
                };
                ensure!(!inside.swap(true, Ordering::SeqCst), "a lock has two holders");
                tokio::task::yield_now().await;
                inside.store(false, Ordering::SeqCst);
                ensure!(store.unlock(&key, token).await?, "a holder cannot free his lock");
            }
            Ok(())
        }
    });
    holders.await.map(drop)
}

/// A lock whose holder has died is free when its time to live has passed, also if that is a fraction of a
/// second. The dead holder can no longer release it.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b072_a_lock_of_the_dead_ends<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key, ttl) = (subject.get(), subject.key("lock"), Duration::from_millis(350));
    let dead = subject.take(&key, ttl).await?;
    ensure!(store.try_lock(&key, LONG).await?.is_none(), "a lock for {ttl:?} is free at once");
    subject.pass(ttl).await;
    let mut waited = Duration::ZERO;
    let heir = loop {
        if let Some(heir) = store.try_lock(&key, LONG).await? {
            break heir;
        }
        ensure!(waited <= GRACE, "the lock of a dead holder does not end");
        subject.pass(LOOK).await;
        waited += LOOK;
    };
    let freed = store.unlock(&key, dead).await?;
    ensure!(store.try_lock(&key, LONG).await?.is_none(), "a holder of before frees the lock of the next");
    ensure!(!freed, "a holder whose lock has ended is told that he has freed it");
    ensure!(store.unlock(&key, heir).await?, "a holder cannot free his lock");
    Ok(())
}

/// A token that is not the holder's releases nothing.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b072_a_stranger_frees_nothing<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("lock"));
    let token = subject.take(&key, LONG).await?;
    let freed = store.unlock(&key, token.wrapping_add(1)).await?;
    ensure!(store.try_lock(&key, LONG).await?.is_none(), "a stranger frees the lock");
    ensure!(!freed, "a stranger is told that he has freed the lock");
    ensure!(store.unlock(&key, token).await?, "a holder cannot free his lock");
    ensure!(!store.unlock(&key, token).await?, "a lock is freed twice");
    Ok(())
}

/// A later holder has a greater token.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b072_fencing_tokens_rise<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("lock"));
    let mut last = None;
    for _ in 0..4 {
        let token = subject.take(&key, LONG).await?;
        ensure!(Some(token) > last, "the token {token} came after {last:?}");
        last = Some(token);
        store.unlock(&key, token).await?;
    }
    Ok(())
}

/// A caller that stops waiting does not get the lock afterwards.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b073_a_dropped_waiter_holds_nothing<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("lock"));
    let token = subject.take(&key, LONG).await?;
    let waiter = store.get_lock(&key, LONG, LONG);
    let waited = tokio::time::timeout(Duration::from_millis(100), waiter).await;
    ensure!(waited.is_err(), "a lock that is held is not waited for");
    ensure!(store.unlock(&key, token).await?, "a holder cannot free his lock");
    // If the dropped waiter were still waiting, it would get the lock during this time.
    tokio::time::sleep(Duration::from_millis(150)).await;
    ensure!(!subject.is_locked(&key).await?, "a waiter that was dropped has the lock");
    Ok(())
}
