//! Compares path patterns with a slow matcher that defines their meaning.

use std::time::{Duration, Instant};

use http::Method;
use proptest::prelude::*;

use super::Rule;

/// Whether the pattern's segments match the path's segments. This is the definition, which tries all
/// combinations.
fn means(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=path.len()).any(|count| means(rest, &path[count..])),
        (["*", rest @ ..], [first, others @ ..]) => !first.is_empty() && means(rest, others),
        ([wanted, rest @ ..], [first, others @ ..]) => wanted == first && means(rest, others),
        _ => false,
    }
}

fn reference(pattern: &str, path: &str) -> bool {
    let split = |text: &'static str| -> Vec<&'static str> { text.split('/').skip(1).collect() };
    let keep = |text: &str| -> &'static str { String::leak(text.to_owned()) };
    means(&split(keep(pattern)), &split(keep(path)))
}

fn matches(pattern: &str, path: &str) -> bool {
    pattern.parse::<Rule>().expect("a pattern").matches(&Method::GET, path)
}

proptest! {
    #[test]
    fn b103_patterns_mean_what_they_are_defined_to(
        pattern in "(/(a|b|aa||%61|\\*|\\*\\*|\\*\\*)){1,6}",
        path in "(/(a|b|aa||%61|\\.\\.|x)){1,8}",
    ) {
        prop_assert_eq!(matches(&pattern, &path), reference(&pattern, &path), "{} {}", pattern, path);
    }

    #[test]
    fn no_text_makes_a_rule_panic(pattern in ".{0,20}", slashed in "/[/*a{?# ]{0,8}", path in ".{0,40}") {
        for pattern in [pattern, slashed] {
            if let Ok(rule) = pattern.parse::<Rule>() {
                rule.matches(&Method::GET, &path);
                prop_assert_eq!(rule.to_string(), pattern);
            }
        }
    }
}

#[test]
fn b103_a_pattern_is_about_the_whole_path() {
    let table = [
        ("/api", "/api", true),
        ("/api", "/apix", false),
        ("/api", "/api/", false),
        ("/api", "/api/users", false),
        ("/api/", "/api/", true),
        ("/api/*", "/api/users", true),
        ("/api/*", "/api", false),
        ("/api/*", "/api/", false),
        ("/api/*", "/api/users/1", false),
        ("/api/**", "/api", true),
        ("/api/**", "/api/", true),
        ("/api/**", "/api/users/1", true),
        ("/api/**", "/apix", false),
        ("/api/**", "//api/users", false),
        ("/api/**", "/%61pi/users", false),
        ("/api/**", "/x/../api/users", false),
        ("/**/edit", "/edit", true),
        ("/**/edit", "/a/edit/b/edit", true),
        ("/**/edit", "/a/edit/b", false),
        ("/users/*/posts/**", "/users/7/posts/1/2", true),
        ("/", "/", true),
        ("/*", "/", false),
        ("/**", "/", true),
        // The paths of `OPTIONS *` and of `CONNECT`.
        ("/**", "*", true),
        ("/**", "", true),
    ];
    for (pattern, path, expected) in table {
        assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
    }
}

#[test]
fn what_is_no_pattern_is_told() {
    let problems = [
        ("", "begins with `/`"),
        ("api", "begins with `/`"),
        ("/a*", "one whole segment"),
        ("/*a", "one whole segment"),
        ("/a**/b", "one whole segment"),
        ("/***", "one whole segment"),
        ("/users/{id}", "instead of `{name}`"),
        ("/users/:id", "instead of `:name`"),
        ("/a?b", "no `?` and no `#`"),
        ("/a b", "no spaces"),
    ];
    for (pattern, problem) in problems {
        let error = pattern.parse::<Rule>().expect_err(pattern).to_string();
        assert!(error.contains(problem), "{pattern}: {error}");
    }
}

/// A URI has at most 64 kB. One second is hundreds of times the expected time, and far less than quadratic
/// time would take.
#[test]
fn long_paths_take_time_by_their_length() {
    let paths =
        ["/".repeat(65_535), "/a".repeat(32_767), format!("/{}", "a".repeat(65_534)), "/a/b".repeat(16_383)];
    let began = Instant::now();
    for path in &paths {
        for pattern in ["/**/a/*/a/**/b/c", "/**/**/**/**/x", "/a/**/a/a/a/a/a/b", "/*/*/**", "/**/a/b/a/b/x"]
        {
            assert!(!matches(pattern, &format!("{path}!")) || pattern == "/*/*/**");
        }
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn methods_are_any_of_those_that_are_named() {
    const READS: Rule = Rule::path("/a").method(Method::GET).method(Method::HEAD);
    let purge = Method::from_bytes(b"PURGE").expect("a method");
    assert!(READS.matches(&Method::GET, "/a") && READS.matches(&Method::HEAD, "/a"));
    assert!(!READS.matches(&Method::POST, "/a") && !READS.matches(&Method::GET, "/b"));
    let rule = Rule::any().method(purge.clone());
    assert!(rule.matches(&purge, "/anything") && !rule.matches(&Method::GET, "/anything"));
    assert!(Rule::any().matches(&purge, ""));
    assert_eq!(
        [READS.to_string(), rule.to_string(), Rule::any().to_string()],
        ["GET|HEAD /a", "PURGE", "any"]
    );
}
