//! Fuzzes rules: no pattern or path causes a panic, and a pattern matches the paths that its definition says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throttle::Rule;

/// The definition of a pattern, by exhaustive search.
fn means(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=path.len()).any(|count| means(rest, &path[count..])),
        (["*", rest @ ..], [first, others @ ..]) => !first.is_empty() && means(rest, others),
        ([wanted, rest @ ..], [first, others @ ..]) => wanted == first && means(rest, others),
        _ => false,
    }
}

fuzz_target!(|texts: (&str, &str)| {
    let (pattern, path) = texts;
    let Ok(rule) = pattern.parse::<Rule>() else { return };
    let matches = rule.matches(&http::Method::GET, path);
    let segments = |text: &str| text.matches('/').count();
    // The exhaustive search takes exponential time.
    if path.starts_with('/') && segments(pattern) < 8 && segments(path) < 12 {
        let pattern: Vec<_> = pattern.split('/').skip(1).collect();
        let path: Vec<_> = path.split('/').skip(1).collect();
        assert_eq!(matches, means(&pattern, &path));
    }
});
