//! Suggests what to write in place of an unknown argument.

/// Argument names of other rate limiters, and what to write instead.
const WORDS: [(&[&str], &str); 16] = [
    (
        &[
            "limit",
            "limits",
            "max",
            "requests",
            "window",
            "per",
            "per_second",
            "per_minute",
            "per_hour",
            "period",
            "interval",
            "duration",
            "quota",
            "every",
            "refill",
            "rps",
        ],
        "the limit and the period are one string: write `rate = \"100/min\"`",
    ),
    (
        &["burst", "burst_size", "capacity", "bucket", "burst_limit"],
        "a burst belongs to a strategy: write `strategy = throttle::strategy::TokenBucket::new().burst(20)` beside `rate = \"100/min\"`",
    ),
    (&["algorithm", "algo", "limiter", "mode"], "write `strategy = throttle::strategy::Gcra::new()`"),
    (
        &[
            "by",
            "key_by",
            "scope",
            "group",
            "identifier",
            "extractor",
            "key_func",
            "key_fn",
            "client",
            "ip",
            "global",
            "user",
            "header",
            "cookie",
        ],
        "requests with the same key are counted together: write `key = ip`, `key = global`, `key = header(\"x-api-key\")` or the path of an async fn",
    ),
    (&["name", "id", "label"], "write `uid = \"api:search\"`"),
    (&["store", "storage", "redis", "db"], "write `backend = \"redis\"`"),
    (&["weight", "tokens", "units", "n", "amount", "price"], "write `cost = 2`"),
    (&["tier", "plan", "priority"], "write `class = \"premium\"`"),
    (
        &["skip", "skip_if", "exempt_when", "unless", "when", "condition"],
        "write `exempt = is_internal`, the path of an async fn that returns a `bool`",
    ),
    (&["whitelist", "allowlist", "allow_list"], "write `allow = \"10.0.0.0/8\"`"),
    (&["blacklist", "blocklist", "denylist", "deny_list", "block"], "write `deny = \"192.0.2.0/24\"`"),
    (&["path", "paths", "method", "methods", "routes"], "write `only = \"/api/**\"`, or a `Rule`"),
    (
        &[
            "on_limit",
            "on_exceeded",
            "on_throttled",
            "on_deny",
            "on_denied",
            "response",
            "rejection",
            "error_handler",
            "status",
            "message",
        ],
        "write `handler = too_many`, the path of an async fn that takes the `Throttled`",
    ),
    (
        &[
            "fallback",
            "failover",
            "retry",
            "fail_open",
            "fail_closed",
            "on_failure",
            "circuit_breaker",
            "breaker",
        ],
        "write `on_error = \"allow\"`, `on_error = throttle::retry(3)` or `on_error = throttle::fallback(\"memory\")`",
    ),
    (
        &["concurrency", "max_concurrent", "in_flight", "max_in_flight", "max_concurrency"],
        "write `max_concurrent = 10`",
    ),
    (&["shadow", "shadow_mode", "log_only"], "write `dry_run`"),
];

/// The names of the built-in strategies.
pub(crate) const STRATEGIES: [&str; 15] = [
    "FixedWindow",
    "SlidingWindowLog",
    "SlidingWindowCounter",
    "TokenBucket",
    "TokenBucketWithDebt",
    "LeakyBucket",
    "LeakyBucketQueue",
    "CostBasedTokenBucket",
    "Gcra",
    "TieredRate",
    "PriorityQueue",
    "QuotaWithRollover",
    "Adaptive",
    "TimeOfDay",
    "Calendar",
];

/// Names of settings that are not arguments of the attributes.
const SETTINGS: [&str; 7] =
    ["timeout", "total_timeout", "permit_ttl", "deadline", "budget", "lease", "namespace"];

/// Returns what to write in place of an unknown argument: from the names of other rate limiters, or else a
/// similar name.
pub(crate) fn hint(unknown: &str, known: &[&str]) -> String {
    if let Some((_, instead)) = WORDS.iter().find(|(words, _)| words.contains(&unknown)) {
        return format!(": {instead}");
    }
    if SETTINGS.contains(&unknown) {
        return ": this setting belongs to the registry and not to the attribute: see `throttle::Settings`"
            .to_owned();
    }
    let near = known.iter().max_by(|a, b| strsim::jaro(a, unknown).total_cmp(&strsim::jaro(b, unknown)));
    let near = near.filter(|near| strsim::jaro(near, unknown) > 0.75);
    near.map_or(String::new(), |near| format!(", did you mean `{near}`?"))
}

/// Returns the error for a strategy that was named in quotes, with the expression to write instead.
pub(crate) fn strategy(text: &str) -> String {
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let units = ["FixedWindow", "SlidingWindowLog", "SlidingWindowCounter", "LeakyBucket"];
    let zoned = ["TimeOfDay", "Calendar"];
    let wanted = plain(text);
    let near = |wanted: &str| {
        let similarity = |name: &&str| strsim::jaro(&plain(name), wanted);
        let near = STRATEGIES.into_iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
        near.filter(|name| similarity(name) > 0.9)
    };
    let value = match &*wanted {
        "slidingwindow" => "SlidingWindowCounter".to_owned(),
        "" => "Gcra::new()".to_owned(),
        _ => match near(&wanted) {
            Some(unit) if units.contains(&unit) => unit.to_owned(),
            Some(zone) if zoned.contains(&zone) => format!("{zone}::in_zone(\"UTC\")"),
            Some(built) => format!("{built}::new()"),
            None => "Gcra::new().burst(5)".to_owned(),
        },
    };
    format!("a strategy is a value and not a string: write `strategy = throttle::strategy::{value}`")
}
