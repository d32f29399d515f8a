//! Keys, and prefixes of keys.

use crate::backend::Store;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

impl<S: Store> Subject<S> {
    /// Sets these keys, resets a prefix, and returns the keys that are left.
    async fn left_after(&self, prefix: &str, keys: &[&'static str]) -> Outcome<Vec<&'static str>> {
        for key in keys {
            self.get().set(&self.key(key), "1", None).await?;
        }
        self.get().reset(&self.key(prefix)).await?;
        let mut left = Vec::new();
        for &key in keys {
            if self.is_there(&self.key(key)).await? {
                left.push(key);
            }
        }
        Ok(left)
    }
}

/// [`Store::reset`] removes all keys with the prefix, and no others: neither keys of other namespaces, nor keys
/// that do not belong to this library.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b074_reset_removes_its_prefix_only<S: Store>(subject: &Subject<S>) -> Outcome {
    let left = subject.left_after("a:", &["a:1", "a:2", "a:", "ab:1", "a", "b:a:1", "b"]).await?;
    ensure!(!left.iter().any(|key| key.starts_with("a:")), "a reset of `a:` leaves {left:?}");
    ensure!(left == ["ab:1", "a", "b:a:1", "b"], "of foreign keys a reset of `a:` leaves {left:?} only");
    Ok(())
}

/// No character of a prefix is a wildcard.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b074_a_prefix_is_no_pattern<S: Store>(subject: &Subject<S>) -> Outcome {
    let left = subject.left_after("a_b.c:", &["a_b.c:1", "axb.c:1", "a_bxc:1", "A_B.C:1"]).await?;
    ensure!(left == ["axb.c:1", "a_bxc:1", "A_B.C:1"], "a reset of `a_b.c:` leaves {left:?}");
    Ok(())
}

/// Keys that differ in one letter are different, in the last of 200 letters or only in its case.
///
/// # Errors
///
/// If the store violates this property: see [`Outcome`].
pub async fn b080_all_of_a_key_counts<S: Store>(subject: &Subject<S>) -> Outcome {
    let mut long = subject.key("long:");
    long.push_str(&"x".repeat(199 - long.len()));
    let keys = [format!("{long}1"), format!("{long}2"), subject.key("A"), subject.key("a")];
    for (key, value) in keys.iter().zip(["1", "2", "3", "4"]) {
        subject.get().set(key, value, None).await?;
    }
    for (key, value) in keys.iter().zip(["1", "2", "3", "4"]) {
        let found = subject.get().get(key).await?;
        ensure!(found.as_deref() == Some(value), "different keys share a value");
    }
    Ok(())
}
