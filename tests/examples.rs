//! Every example as a user runs it: a real process, a real port, plain HTTP.

#[path = "process/outage.rs"]
mod outage;
mod process;
#[path = "process/redis.rs"]
mod server;

use std::time::{Duration, Instant};

use process::{Example, Pending};
use serde_json::json;
use server::Redis;

#[test]
fn s01_quickstart_lets_exactly_its_limit_through() {
    let example = Example::start("quickstart");
    // This request takes one of the hundred. If the window is about to end, the test waits for a new one
    // instead.
    let first = example.get("/items");
    assert_eq!((first.status, first.body.as_str()), (200, "ok\n"));
    assert_eq!(first.field("ratelimit-policy"), "\"items\";q=100;w=60");
    let rest: u64 =
        first.field("ratelimit").trim_start_matches("\"items\";r=99;t=").parse().expect("seconds");
    let taken = if rest < 15 {
        std::thread::sleep(Duration::from_secs(rest));
        0
    } else {
        1
    };
    let pending: Vec<_> = (0..150 - taken).map(|_| example.send("GET", "/items", &[], "")).collect();
    let answers: Vec<_> = pending.into_iter().map(Pending::answer).collect();
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    let denied: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!((passed + taken, denied.len()), (100, 50));
    for answer in denied {
        let wait = answer.retry_after();
        assert!((1..=60).contains(&wait), "{answer:?}");
        assert_eq!(answer.field("ratelimit"), format!("\"items\";r=0;t={wait}"), "the rest of the window");
        assert_eq!(answer.field("content-type"), "text/plain; charset=utf-8");
        let plural = if wait == 1 { "" } else { "s" };
        assert_eq!(answer.body, format!("Too many requests. Retry in {wait} second{plural}."));
    }
}

#[test]
fn s03_s04_custom_handler_says_it_in_json_and_the_wait_is_true() {
    let example = Example::start("custom_handler");
    let (_, denied) = example.exhaust("/read", &[]);
    let answered = Instant::now();
    let wait = denied.retry_after();
    assert_eq!((denied.status, denied.field("content-type")), (429, "application/json"));
    assert_eq!(denied.field("x-ratelimit-reset"), wait.to_string());
    let expected = json!({
        "error": "rate_limit_exceeded",
        "message": "You've hit the \"api:read\" limit. Slow down!",
        "retry_after_seconds": wait,
        "limit": 3,
        "remaining": 0,
    });
    assert_eq!(denied.json(), expected);
    assert!((1..=2).contains(&wait), "{denied:?}");
    std::thread::sleep(Duration::from_secs(wait).saturating_sub(answered.elapsed()));
    assert_eq!(example.get("/read").status, 200, "admitted after exactly the stated wait");
}

#[test]
fn custom_handler_answers_in_the_form_that_was_asked_for() {
    let example = Example::start("custom_handler");
    let (_, text) = example.exhaust("/list", &[]);
    assert_eq!(text.field("content-type"), "text/plain; charset=utf-8");
    let (_, problem) = example.exhaust("/list", &[("accept", "application/json")]);
    assert_eq!(problem.field("content-type"), "application/problem+json");
    assert_eq!(problem.json()["violated-policies"], json!(["api:list"]));
}

#[test]
fn keys_separates_clients_as_it_says() {
    let example = Example::start("keys");
    example.early_in_the_window("/header", &[("x-api-key", "probe")], 10);
    let twice = |path: &str, headers: &[(&str, &str)]| {
        let (passed, denied) = example.exhaust(path, headers);
        assert_eq!((passed, denied.status), (2, 429), "{path} {headers:?}");
    };
    twice("/ip", &[]);
    twice("/header", &[("x-api-key", "one")]);
    twice("/header", &[("x-api-key", "other")]);
    twice("/header", &[]);
    twice("/cookie", &[("cookie", "theme=dark; session=one")]);
    twice("/cookie", &[("cookie", "session=other")]);
    twice("/global", &[("x-api-key", "one")]);
    assert_eq!(example.get_with("/global", &[("x-api-key", "other")]).status, 429);
    twice("/tenant", &[("authorization", "a1")]);
    assert_eq!(example.get_with("/tenant", &[("authorization", "a2")]).status, 429, "of the same tenant");
    twice("/tenant", &[("authorization", "b1")]);
    assert_eq!(example.get("/tenant").status, 401, "the key function's own answer");
    for _ in 0..10 {
        assert_eq!(example.get_with("/exempt", &[("authorization", "monitor")]).status, 200);
    }
    twice("/exempt", &[]);
    twice("/orgs/a/users/b%2Fc", &[]);
    twice("/orgs/a%2Fb/users/c", &[]);
}

#[test]
fn dynamic_rate_goes_by_the_plan() {
    let example = Example::start("dynamic_rate");
    let key = |key| [("x-api-key", key)];
    example.early_in_the_window("/items", &key("gold"), 10);
    assert_eq!(example.get_with("/items", &key("nobody")).status, 401);
    assert_eq!(example.exhaust("/items", &[]).0, 5);
    assert_eq!(example.exhaust("/items", &key("basic")).0, 5);
    let left = example.get_with("/items", &key("gold"));
    assert_eq!(left.field("ratelimit-policy"), "\"items\";q=50;w=60");
    for _ in 0..60 {
        let staff = example.get_with("/items", &key("root"));
        assert_eq!((staff.status, staff.fields.get("ratelimit")), (200, None), "{staff:?}");
    }
}

/// Sends requests until the response has that status.
fn until(example: &Example, path: &str, status: u16) -> process::Answer {
    let began = Instant::now();
    loop {
        let answer = example.get(path);
        if answer.status == status {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{answer:?}");
    }
}

#[test]
fn concurrency_limits_what_is_in_flight() {
    let example = Example::start("concurrency");
    // Both hold their permit before the first probe, which would take the permit of the second.
    let endless = [(); 2].map(|()| example.send("GET", "/export?rows=100000", &[], "").begun());
    let denied = until(&example, "/export?rows=0", 429);
    assert_eq!((denied.retry_after(), denied.fields.get("ratelimit")), (1, None));
    assert_eq!(denied.body, "2 at once are enough\n");
    let [first, _second] = endless;
    drop(first);
    until(&example, "/export?rows=0", 200);
    let search = example.get("/search");
    assert_eq!(search.field("ratelimit-policy"), "\"search\";q=30;w=60");
    let job = example.send("POST", "/cleanup", &[], "");
    let other = example.send("POST", "/cleanup", &[], "");
    let mut both = [job.answer().status, other.answer().status];
    both.sort_unstable();
    assert_eq!(both, [200, 429]);
}

#[test]
fn weighted_cost_charges_what_a_request_weighs() {
    let example = Example::start("weighted_cost");
    example.early_in_the_window("/export", &[], 10);
    let never = example.get("/export?rows=20000");
    assert_eq!((never.status, never.fields.get("retry-after")), (429, None), "no wait helps");
    assert_eq!(never.body, "This request costs more than the limit can ever allow.");
    let passed = example.get("/export?rows=4000");
    assert_eq!((passed.status, passed.body.as_str()), (200, "4000 rows\n"));
    let denied = example.get("/export?rows=9000");
    assert_eq!(denied.status, 429);
    assert!(denied.retry_after() <= 60);
    assert!(denied.field("ratelimit").starts_with("\"export\";r=4;"), "a denial takes nothing: {denied:?}");
    assert_eq!(example.exhaust("/report", &[]).0, 2);

    let declared = |length: &str| [("content-length", length.to_owned())];
    let upload = |length: &str, body: &str| {
        let [(name, value)] = declared(length);
        example.send("POST", "/upload", &[(name, &value)], body).answer()
    };
    let kept = upload("2000", &"x".repeat(2_000));
    assert_eq!((kept.status, kept.body.as_str()), (200, "2000 bytes\n"));
    // The body is never sent, and the response does not wait for it.
    assert_eq!(upload("65536", "").status, 429);
    let chunked = [("transfer-encoding", "chunked")];
    assert_eq!(example.send("POST", "/upload", &chunked, "0\r\n\r\n").answer().status, 411);
}

#[test]
fn login_guard_charges_wrong_passwords_only() {
    let example = Example::start("login_guard");
    let login = |account: &str, password: &str| {
        let body = json!({ "account": account, "password": password }).to_string();
        let length = body.len().to_string();
        let headers = [("content-type", "application/json"), ("content-length", length.as_str())];
        example.send("POST", "/login", &headers, &body).answer()
    };
    let right = login("ann", "open sesame");
    let rest = right.field("ratelimit").rsplit(";t=").next().and_then(|seconds| seconds.parse::<u64>().ok());
    if rest.is_some_and(|rest| rest < 10) {
        std::thread::sleep(Duration::from_secs(10));
    }
    for _ in 0..10 {
        assert_eq!(login("ann", "open sesame").status, 200);
    }
    let wrong: Vec<_> = (0..8).map(|_| login("ann", "1234").status).collect();
    assert_eq!(wrong, [401, 401, 401, 401, 401, 429, 429, 429]);
    assert_eq!(login("ann", "open sesame").status, 429, "it cannot be found by trying either");
    assert_eq!(login(" Ann", "1234").status, 429, "accounts have no case");
    assert_eq!(login("bob", "1234").status, 403);
    assert_eq!(login("eve", "open sesame").status, 200);
}

#[test]
fn quota_charges_what_a_report_came_to() {
    let example = Example::start("quota");
    // No header contains the end of the window here, so the test uses the clock: a window is one minute of the
    // clock.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs();
    std::thread::sleep(Duration::from_secs(if now % 60 > 50 { 60 - now % 60 } else { 0 }));
    let jams = example.get("/report?user=ann&charts=3&jams=true");
    assert_eq!(jams.status, 500);
    let report = example.get("/report?user=ann&charts=2&broken=1");
    assert_eq!(report.json(), json!({ "charts": ["chart 0"], "units": 4, "left": 6 }));
    assert_eq!(example.get("/report?user=ann&charts=2").status, 429, "seven of six");
    assert_eq!(example.get("/report?user=bob&charts=3").json()["left"], 0);
    assert_eq!(example.get("/report?user=bob").status, 429);
    assert_eq!(example.get("/report?user=ann&charts=1").json()["left"], 2);
    assert_eq!(example.get("/report?user=eve&charts=9").status, 422, "no wait helps");
    assert_eq!(example.get("/report?user=eve&charts=2").json()["left"], 0, "of the team's 25");
}

#[test]
fn s08_s24_registry_shapes_denials_and_overrides_limits() {
    let example = Example::start("registry");
    example.early_in_the_window("/write", &[("x-forwarded-for", "198.51.100.1")], 10);
    let (passed, denied) = example.exhaust("/read", &[]);
    assert_eq!(passed, 3, "not the thousand of the attribute");
    let wait = denied.retry_after();
    let detail = format!("Too many requests. Retry in {wait} second{}.", if wait == 1 { "" } else { "s" });
    let expected = json!({ "error": "rate_limit_exceeded", "detail": detail, "retry_after": wait });
    assert_eq!(denied.json(), expected);
    let (passed, denied) = example.exhaust("/write", &[]);
    assert_eq!((passed, denied.body.as_str()), (2, "api:write wants less of that\n"));
}

#[test]
fn registry_believes_the_proxies_that_it_trusts() {
    let example = Example::start("registry");
    example.early_in_the_window("/write", &[], 10);
    for client in ["203.0.113.7", "203.0.113.8", "10.9.9.9, 203.0.113.9"] {
        assert_eq!(example.exhaust("/read", &[("x-forwarded-for", client)]).0, 3, "{client}");
    }
    let forged = [("x-forwarded-for", "10.9.9.8, 203.0.113.9")];
    assert_eq!(example.get_with("/read", &forged).status, 429, "the left is hearsay");
}

#[cfg(unix)]
#[test]
fn s09_registry_closes_its_backends_at_the_end() {
    let mut example = Example::start("registry");
    assert_eq!(example.get("/read").status, 200);
    assert_eq!(example.end(), "every backend is closed");
}

#[test]
fn redis_shares_one_limit_between_processes() {
    let redis = Redis::start();
    let url = redis.url();
    let two = [(); 2].map(|()| Example::start_with("redis", &[("REDIS_URL", &url)]));
    two[0].early_in_the_window("/shared", &[], 10);
    let answers: Vec<_> = (0..20).map(|turn| two[turn % 2].get("/shared")).collect();
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    // A decision that misses its deadline, on a busy machine, denies without these fields, and may be charged.
    let lost = answers.iter().filter(|answer| !answer.fields.contains_key("ratelimit")).count();
    assert!(
        passed <= 10 && passed + lost >= 9,
        "one request may have been in the window before: {passed} passed, {lost} lost"
    );
}

#[test]
fn s17_s22_s23_on_error_decides_what_becomes_of_requests() {
    let example = Example::start("on_error");
    let read = example.get("/read");
    assert_eq!(
        (read.status, read.fields.get("ratelimit")),
        (200, None),
        "nothing is known, so nothing is said"
    );
    let write = example.get("/write");
    assert_eq!((write.status, write.retry_after()), (429, 1));
    assert_eq!(example.get("/pay").retry_after(), 30);
    let debug = example.get("/debug");
    assert_eq!((debug.status, debug.body.as_str()), (500, "the rate limiter failed"));
    assert_eq!(example.get("/list").status, 200);
}

#[test]
fn s12_dict_backend_limits_with_every_strategy() {
    let example = Example::start("dict_backend");
    example.early_in_the_window("/window", &[], 10);
    // One request was used to read the headers. It does not count if its window was about to end.
    let passed = example.exhaust("/window", &[]).0;
    assert!((4..=5).contains(&passed), "{passed}");
    let (passed, denied) = example.exhaust("/log", &[]);
    let answered = Instant::now();
    assert_eq!((passed, denied.status), (3, 429));
    let wait = denied.retry_after();
    assert!((9..=10).contains(&wait), "{denied:?}");
    let left = denied.field("ratelimit");
    assert!(left.contains(";r=0;") && left.contains(";r=1;"), "a denial takes nothing: {left}");
    std::thread::sleep(Duration::from_secs(wait).saturating_sub(answered.elapsed()));
    assert_eq!(example.exhaust("/log", &[]).0, 1, "the other limit has one left");
}

/// Runs the example's own tests, like those of any program.
#[test]
fn testing_is_a_service_like_any_other() {
    let example = Example::start("testing");
    assert_eq!(example.exhaust("/report", &[]).0, 3);
    assert_eq!((example.get("/search").status, example.get("/pay").status), (200, 200));
}

#[test]
fn layers_and_rules_limit_what_the_rules_mean() {
    let example = Example::start("layers_and_rules");
    example.early_in_the_window("/api/notes", &[], 10);
    for _ in 0..20 {
        assert_eq!(example.get("/api/health").status, 200);
        assert_eq!(example.get("/apis").fields.get("ratelimit"), None);
    }
    let post = |headers: &[(&str, &str)]| example.send("POST", "/api/notes", headers, "").answer();
    let length = ("content-length", "0");
    assert_eq!([post(&[length]).status, post(&[length]).status, post(&[length]).status], [200, 200, 429]);
    assert_eq!(post(&[length, ("x-staff", "yes")]).status, 200);
    let (passed, denied) = example.exhaust("/api/items", &[]);
    assert_eq!(
        (passed, denied.field("ratelimit-policy")),
        (1, "\"api\";q=6;w=60"),
        "six in all, five were taken"
    );
    assert_eq!(example.send("POST", "/relax", &[length], "").answer().body, "relaxed\n");
    for _ in 0..10 {
        assert_eq!(example.get("/api/items").status, 200);
    }
    assert_eq!(example.get("/api/notes").status, 429);
}

#[test]
fn s10_s11_custom_backend_fails_in_its_own_words() {
    let example = Example::start("custom_backend");
    example.early_in_the_window("/lenient", &[], 10);
    assert_eq!(example.exhaust("/strict", &[]).0, 3);
    assert_eq!(example.get("/stop").body, "closed\n");
    let strict = example.get("/strict");
    assert_eq!((strict.status, strict.retry_after()), (429, 1), "the default fails closed");
    assert_eq!(strict.fields.get("ratelimit"), None, "nothing is known, so nothing is said");
    for _ in 0..9 {
        assert_eq!(example.get("/lenient").status, 200, "the function knows this error");
    }
}
