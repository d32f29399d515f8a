//! Any pattern and any path: no text makes a rule panic, and what is a pattern means what the definition says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throttle::Rule;

/// The definition, tried out in every way.
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
    // The definition takes exponential time.
    if path.starts_with('/') && segments(pattern) < 8 && segments(path) < 12 {
        let pattern: Vec<_> = pattern.split('/').skip(1).collect();
        let path: Vec<_> = path.split('/').skip(1).collect();
        assert_eq!(matches, means(&pattern, &path));
    }
});
