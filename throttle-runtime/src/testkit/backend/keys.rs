//! Which keys share a state, and which do not.

use std::sync::Arc;
use std::time::Duration;

use super::Limit;
use crate::backend::{Backend, Mode};
use crate::key::Key;
use crate::rate::Rate;
use crate::strategy::Gcra;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

/// Keys of any length and content are limited, and no two of them share a state.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn b080_keys_of_any_content_are_kept_apart<B: Backend>(subject: &Subject<B>) -> Outcome {
    let limit = Limit::per_month(subject.name(), &[1]);
    let (long, longer) = ("x".repeat(10_000), "x".repeat(10_001));
    let texts = [
        "",
        " ",
        "a",
        "A",
        "a ",
        "a\0",
        "a\0b",
        "\0",
        "a:b",
        "a:",
        ":a",
        "a/b",
        "{a}",
        "{a",
        "a}b",
        "*",
        "a*",
        "a?",
        "[a]",
        "%",
        "a%",
        "_",
        "a_",
        "'",
        "\"",
        "\\",
        "a\r\nb",
        "ä",
        "a\u{308}",
        "日本語",
        "🦀",
        "\u{feff}",
        &long,
        &longer,
    ];
    let prefix = "y".repeat(250);
    let ends = ["1", "2"].map(|end| Key::from(format!("{prefix}{end}")));
    let parts = [Key::from(("a", "bc")), Key::from(("ab", "c")), Key::from(("a", "b", "c")), Key::global()];
    let bytes = [Key::new([0xff]), Key::new([0xff, 0xfe]), Key::new([0xc3])];
    let keys = texts.map(Key::from).into_iter().chain(ends).chain(parts).chain(bytes);
    for (number, key) in keys.enumerate() {
        let first = limit.decide(&**subject.get(), key.clone(), 1, Mode::Consume).await?;
        ensure!(first.fits(), "key {number}, {key:?}, is used up by another one");
        let second = limit.decide(&**subject.get(), key.clone(), 1, Mode::Consume).await?;
        ensure!(!second.fits(), "key {number}, {key:?}, is not limited");
    }
    Ok(())
}

/// States are separated by scope, strategy and periods, but not by limit. When a limit changes, its usage is
/// kept.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn b074_scopes_strategies_and_periods_are_kept_apart<B: Backend>(subject: &Subject<B>) -> Outcome {
    let (backend, scope) = (&**subject.get(), subject.name());
    let limit = Limit::per_month(scope, &[5]);
    limit.decide(backend, "a", 5, Mode::Consume).await?;
    let gcra = Limit { strategy: Arc::new(Gcra::new().burst(5)), ..Limit::per_month(scope, &[5]) };
    let year = Rate::new(5, Duration::from_secs(365 * 24 * 3600)).into_iter().collect();
    let others = [
        Limit::per_month(&format!("{scope}:"), &[5]),
        Limit::per_month(&format!("{scope}:a"), &[5]),
        gcra,
        Limit { rates: year, ..Limit::per_month(scope, &[5]) },
        Limit::per_month(scope, &[5, 9]),
    ];
    for other in others {
        let left = other.left(backend, "a").await?;
        ensure!(left.first() == Some(&5), "{other:?} begins with {left:?} after {limit:?} was used up");
    }
    let left = Limit::per_month(scope, &[7]).left(backend, "a").await?;
    ensure!(left == [2], "a limit of 7, which was 5 and used up, has {left:?} left");
    Ok(())
}
