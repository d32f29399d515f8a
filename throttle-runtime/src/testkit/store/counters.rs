//! Counters.

use std::time::Duration;

use crate::backend::{Increment, Store};
use crate::testkit::concurrent::crowd;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

const TTL: Duration = Duration::from_millis(400);

/// Longer than any property takes.
const LONG: Duration = Duration::from_secs(600);

impl<S: Store> Subject<S> {
    /// Adds to a counter without a limit.
    async fn add(&self, key: &str, by: i64, ttl: Duration) -> Outcome<i64> {
        add(&**self.get(), key, by, ttl).await
    }
}

async fn add<S: Store>(store: &S, key: &str, by: i64, ttl: Duration) -> Outcome<i64> {
    let done = store.increment_within(key, by, i64::MAX, ttl).await?;
    let Increment::Added(sum) = done else {
        ensure!(false, "{by} is more than the largest number: {done:?}");
        return Ok(0);
    };
    Ok(sum)
}

/// [`Store::increment_within`] gives a counter that it creates a time to live. Later calls keep one, also with
/// a negative number.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b066_a_counter_ends<S: Store>(subject: &Subject<S>) -> Outcome {
    let key = subject.key("counter");
    for (by, expected) in [(5, 5), (-3, 2), (1, 3)] {
        let sum = subject.add(&key, by, TTL).await?;
        ensure!(sum == expected, "{sum} in place of {expected}");
    }
    subject.pass(TTL).await;
    ensure!(subject.goes(&key).await?, "a counter for {TTL:?} does not end");
    let sum = subject.add(&key, 1, TTL).await?;
    ensure!(sum == 1, "a counter that has ended goes on: {sum} in place of 1");
    Ok(())
}

/// A counter of [`Store::increment_within`] ends no earlier than its first call set.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b066_a_counter_keeps_its_time_to_live<S: Store>(subject: &Subject<S>) -> Outcome {
    let (key, ttl) = (subject.key("counter"), Duration::from_millis(1_900));
    subject.add(&key, 5, ttl).await?;
    let sum = subject.add(&key, 2, ttl).await?;
    ensure!(sum == 7, "{sum} in place of 7");
    subject.pass(Duration::from_millis(1_400)).await;
    ensure!(subject.is_there(&key).await?, "a counter for {ttl:?} is gone after 1.4 s");
    subject.pass(Duration::from_millis(500)).await;
    ensure!(subject.goes(&key).await?, "an increment takes the time to live away");
    Ok(())
}

/// Each of several concurrent increments is counted, and each returns a different sum.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b067_no_increment_is_lost<S: Store>(subject: &Subject<S>) -> Outcome {
    let sums = crowd(4, |_| {
        let (store, key) = (subject.get().clone(), subject.key("counter"));
        async move {
            let mut sums = Vec::new();
            for _ in 0..10 {
                sums.push(add(&*store, &key, 1, LONG).await?);
            }
            Ok(sums)
        }
    });
    let mut sums = sums.await?.concat();
    sums.sort_unstable();
    ensure!(sums.iter().copied().eq(1..=40), "40 concurrent increments made {sums:?}");
    Ok(())
}

/// Concurrent increments up to a limit reach it and do not exceed it. Rejected increments add nothing.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b067_no_more_than_the_limit_is_added<S: Store>(subject: &Subject<S>) -> Outcome {
    for most in [1, 3] {
        let added = crowd(4, |task| {
            let (store, key) = (subject.get().clone(), subject.key(&format!("counter{most}")));
            async move {
                let (mut added, mut refused) = (0, i64::MAX);
                for step in 0..8 {
                    let by = 1 + (i64::try_from(task)? + step) % most;
                    match store.increment_within(&key, by, 15, LONG).await? {
                        Increment::Added(sum) if sum <= 15 => added += by,
                        Increment::Added(sum) => ensure!(false, "a sum of {sum} is within 15"),
                        Increment::Exceeded(_) => refused = refused.min(by),
                    }
                }
                Ok((added, refused))
            }
        });
        let added = added.await?;
        let sum: i64 = added.iter().map(|(added, _)| added).sum();
        let left = subject.add(&subject.key(&format!("counter{most}")), 0, LONG).await?;
        ensure!(sum <= 15, "increments up to 15 have added {sum}");
        ensure!(left == sum, "increments have added {sum}, and made {left}");
        ensure!(most > 1 || sum == 15, "of 32 increments up to 15 only {sum} are added");
    }
    Ok(())
}

/// An increment that would exceed the limit returns the current value, and does not change it.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b068_what_exceeds_the_limit_adds_nothing<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("counter"));
    let steps = [
        (6, 5, Increment::Exceeded(0)),
        (3, 5, Increment::Added(3)),
        (3, 5, Increment::Exceeded(3)),
        (2, 5, Increment::Added(5)),
        (1, 5, Increment::Exceeded(5)),
        (1, 4, Increment::Exceeded(5)),
        (0, 4, Increment::Exceeded(5)),
        (-1, 3, Increment::Exceeded(5)),
        (-2, 3, Increment::Added(3)),
        (0, 3, Increment::Added(3)),
        (3, 6, Increment::Added(6)),
    ];
    for (by, limit, expected) in steps {
        let done = store.increment_within(&key, by, limit, LONG).await?;
        ensure!(done == expected, "an increment by {by} up to {limit} is {done:?} in place of {expected:?}");
    }
    let found = store.get(&key).await?;
    ensure!(found.as_deref() == Some("6"), "3 + 2 - 2 + 3 left {found:?}");
    Ok(())
}

/// A missing counter is 0, and a counter can go below 0.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b068_counters_go_below_zero<S: Store>(subject: &Subject<S>) -> Outcome {
    let key = subject.key("counter");
    let mut sums = Vec::new();
    for by in [-3, -1, 6] {
        sums.push(subject.add(&key, by, LONG).await?);
    }
    ensure!(sums == [-3, -4, 2], "0 - 3, - 1, + 6 made {sums:?}");
    Ok(())
}

/// A counter is read as a decimal number, and a decimal number is a counter. Any other text is 0.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b068_counters_are_numbers_as_text<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("counter"));
    subject.add(&key, 5, LONG).await?;
    let found = store.get(&key).await?;
    ensure!(found.as_deref() == Some("5"), "the counter 5 reads {found:?}");
    for (text, expected) in
        [("41", 42), ("1AACgh+/", 1), ("", 1), ("-7", -6), ("2305843009213693952", 2_305_843_009_213_693_953)]
    {
        store.set(&key, text, Some(LONG)).await?;
        let sum = subject.add(&key, 1, LONG).await?;
        ensure!(sum == expected, "{text:?} + 1 made {sum}");
    }
    Ok(())
}
