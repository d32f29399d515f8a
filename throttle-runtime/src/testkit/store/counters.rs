//! Counters.

use std::time::Duration;

use crate::backend::Store;
use crate::testkit::crowd::crowd;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

use super::{GRACE, LOOK};

const TTL: Duration = Duration::from_millis(400);

/// [`Store::increment_with_ttl`] sets the time to live when it creates the counter, and never again: or a
/// counter that is used would never end.
pub async fn b066_a_counter_lives_from_its_first_increment<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("counter"));
    for sum in 1..=3 {
        let found = store.increment_with_ttl(&key, 1, TTL).await?;
        ensure!(found == sum, "{found} in place of {sum}");
    }
    let mut waited = Duration::ZERO;
    while store.increment_with_ttl(&key, 1, TTL).await? > 1 {
        ensure!(waited <= TTL + GRACE, "a counter that is used does not end");
        subject.pass(LOOK).await;
        waited += LOOK;
    }
    Ok(())
}

/// [`Store::increment`] leaves the time to live as it is.
pub async fn b066_a_counter_keeps_its_time_to_live<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("counter"));
    store.increment_with_ttl(&key, 5, TTL).await?;
    let sum = store.increment(&key, 2).await?;
    ensure!(sum == 7, "{sum} in place of 7");
    subject.pass(TTL).await;
    ensure!(subject.goes(&key).await?, "an increment takes the time to live away");
    Ok(())
}

/// Of concurrent increments each is counted, and each is told another sum.
pub async fn b067_no_increment_is_lost<S: Store>(subject: &Subject<S>) -> Outcome {
    let sums = crowd(8, |_| {
        let (store, key) = (subject.get().clone(), subject.key("counter"));
        async move {
            let mut sums = Vec::new();
            for _ in 0..25 {
                sums.push(store.increment(&key, 1).await?);
            }
            Ok(sums)
        }
    });
    are_distinct(&sums.await?, 200)
}

/// The same of [`Store::increment_with_ttl`].
pub async fn b067_no_increment_with_ttl_is_lost<S: Store>(subject: &Subject<S>) -> Outcome {
    let sums = crowd(4, |_| {
        let (store, key) = (subject.get().clone(), subject.key("counter"));
        async move {
            let mut sums = Vec::new();
            for _ in 0..5 {
                sums.push(store.increment_with_ttl(&key, 1, Duration::from_secs(600)).await?);
            }
            Ok(sums)
        }
    });
    are_distinct(&sums.await?, 20)
}

fn are_distinct(sums: &[Vec<i64>], last: i64) -> Outcome {
    let mut sums = sums.concat();
    sums.sort_unstable();
    ensure!(sums.iter().copied().eq(1..=last), "{last} increments at once made {sums:?}");
    Ok(())
}

/// A counter that is not there is 0, and goes on below it.
pub async fn b068_counters_go_below_zero<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("counter"));
    let sums =
        [store.decrement(&key, 3).await?, store.decrement(&key, 1).await?, store.increment(&key, 6).await?];
    ensure!(sums == [-3, -4, 2], "0 - 3, - 1, + 6 made {sums:?}");
    Ok(())
}

/// A counter is read as a decimal number, and a decimal number is a counter.
pub async fn b068_counters_are_numbers_as_text<S: Store>(subject: &Subject<S>) -> Outcome {
    let (store, key) = (subject.get(), subject.key("counter"));
    store.increment(&key, 5).await?;
    let found = store.get(&key).await?;
    ensure!(found.as_deref() == Some("5"), "the counter 5 reads {found:?}");
    store.set(&key, "41", None).await?;
    let sum = store.increment(&key, 1).await?;
    ensure!(sum == 42, "41 + 1 made {sum}");
    Ok(())
}
