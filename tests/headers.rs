//! The header fields of answers: behaviour 108, to the byte, and read back by an independent parser.

mod common;

use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get as route;
use common::{get, header, number, registry_at, seconds, service};
use sfv::{BareItem, FieldType, List, ListEntry, Parser};
use throttle::strategy::Gcra;
use throttle::{Headers, ManualClock, Rate, When, throttle};

#[throttle(uid = "plain", rate = "3/min")]
async fn plain() {}

#[throttle(uid = "a \"quoted\" \\ näme", rate = "10/s, 500/hour")]
async fn several() {}

#[throttle(uid = "legacy", rate = "3/min, 100/hour", headers = "legacy")]
async fn legacy() {}

#[throttle(uid = "off", rate = "1/min", headers = "off")]
async fn off() {}

#[throttle(uid = "denied", rate = "1/min", headers = Headers::DRAFT_11.legacy(true).when(When::Denied))]
async fn denied_only() {}

#[throttle(uid = "bare", rate = "1/min", headers = Headers::DRAFT_11.policy(false).retry_after(false))]
async fn bare() {}

#[throttle(uid = "fine", rate = "7/1500ms, 9/90s")]
async fn fine() {}

#[throttle(uid = "gcra", rate = "10/min", strategy = Gcra::new().burst(3))]
async fn gcra() {}

#[throttle(uid = "huge", rate = "18446744073709551615/s")]
async fn huge() {}

#[throttle(uid = "first", rate = "5/min")]
#[throttle(uid = "second", rate = "9/hour")]
async fn stacked() {}

#[throttle(uid = "dry", rate = "1/min", dry_run)]
async fn dry() {}

async fn free() -> Rate {
    Rate::UNLIMITED
}

#[throttle(uid = "unlimited", rate = free)]
async fn unlimited() {}

#[throttle(uid = "redirect", rate = "1/min")]
async fn redirect() -> Response {
    Redirect::to("/elsewhere").into_response()
}

async fn app() -> (Router, ManualClock) {
    let clock = ManualClock::new();
    let router = Router::new()
        .route("/plain", route(plain))
        .route("/several", route(several))
        .route("/legacy", route(legacy))
        .route("/off", route(off))
        .route("/denied", route(denied_only))
        .route("/bare", route(bare))
        .route("/fine", route(fine))
        .route("/gcra", route(gcra))
        .route("/huge", route(huge))
        .route("/stacked", route(stacked))
        .route("/dry", route(dry))
        .route("/unlimited", route(unlimited))
        .route("/redirect", route(redirect));
    let registry = registry_at(&clock).await;
    clock.advance(Duration::from_millis(18_200));
    (service(router, &registry), clock)
}

/// Policy, state, and `Retry-After`.
async fn fields(app: &Router, path: &str) -> [Option<String>; 3] {
    let answer = get(app, path).await;
    ["ratelimit-policy", "ratelimit", "retry-after"].map(|name| header(&answer, name))
}

fn some(texts: [&str; 3]) -> [Option<String>; 3] {
    texts.map(|text| (!text.is_empty()).then(|| text.to_owned()))
}

#[tokio::test]
async fn b108_draft_11_to_the_byte() {
    let (app, clock) = app().await;
    let policy = "\"plain\";q=3;w=60";
    assert_eq!(fields(&app, "/plain").await, some([policy, "\"plain\";r=2;t=42", ""]));
    clock.advance(seconds(2));
    assert_eq!(fields(&app, "/plain").await, some([policy, "\"plain\";r=1;t=40", ""]));
    assert_eq!(fields(&app, "/plain").await, some([policy, "\"plain\";r=0;t=40", ""]));
    assert_eq!(fields(&app, "/plain").await, some([policy, "\"plain\";r=0;t=40", "40"]));
}

#[tokio::test]
async fn several_limits_and_hostile_names() {
    let (app, _) = app().await;
    let name = r#""a \"quoted\" \\ n?me"#;
    let [policy, state, _] = fields(&app, "/several").await;
    assert_eq!(policy, Some(format!("{name}/s\";q=10;w=1, {name}/hour\";q=500;w=3600")));
    assert_eq!(state, Some(format!("{name}/s\";r=9;t=1, {name}/hour\";r=499;t=3582")));
}

#[tokio::test]
async fn windows_that_are_not_whole_seconds_are_not_claimed() {
    let (app, _) = app().await;
    let [policy, ..] = fields(&app, "/fine").await;
    assert_eq!(policy.as_deref(), Some("\"fine/1500ms\";q=7, \"fine/90s\";q=9;w=90"));
}

#[tokio::test]
async fn d20_bucket_strategies_state_the_rate_and_the_true_effective_window() {
    let (app, clock) = app().await;
    let policy = "\"gcra\";q=10;w=60";
    assert_eq!(fields(&app, "/gcra").await, some([policy, "\"gcra\";r=2;t=6", ""]));
    assert_eq!(fields(&app, "/gcra").await, some([policy, "\"gcra\";r=1;t=6", ""]));
    clock.advance(seconds(2));
    assert_eq!(fields(&app, "/gcra").await, some([policy, "\"gcra\";r=0;t=4", ""]));
    assert_eq!(fields(&app, "/gcra").await, some([policy, "\"gcra\";r=0;t=4", "4"]));
}

#[tokio::test]
async fn integers_stay_within_structured_fields() {
    let (app, _) = app().await;
    let [policy, state, _] = fields(&app, "/huge").await;
    assert_eq!(policy.as_deref(), Some("\"huge\";q=999999999999999;w=1"));
    assert_eq!(state.as_deref(), Some("\"huge\";r=999999999999999;t=1"));
}

#[tokio::test]
async fn b108_legacy_fields_are_integers_of_the_tightest_limit() {
    let (app, _) = app().await;
    let legacy =
        ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "ratelimit"];
    let read = |answer: Response| legacy.map(|name| number(&answer, name));
    assert_eq!(read(get(&app, "/legacy").await), [Some(3), Some(2), Some(42), None, None]);
    get(&app, "/legacy").await;
    assert_eq!(read(get(&app, "/legacy").await), [Some(3), Some(0), Some(42), None, None]);
    assert_eq!(read(get(&app, "/legacy").await), [Some(3), Some(0), Some(42), Some(42), None]);
}

#[tokio::test]
async fn b108_fields_can_be_switched_off() {
    let (app, _) = app().await;
    assert_eq!(fields(&app, "/off").await, some(["", "", ""]));
    assert_eq!(fields(&app, "/off").await, some(["", "", ""]), "not even on the denial");
    assert_eq!(fields(&app, "/bare").await, some(["", "\"bare\";r=0;t=42", ""]));
    assert_eq!(fields(&app, "/bare").await, some(["", "\"bare\";r=0;t=42", ""]));
    assert_eq!(fields(&app, "/unlimited").await, some(["", "", ""]));
}

#[tokio::test]
async fn b108_only_on_denials_is_not_on_the_last_allowed_answer() {
    let (app, _) = app().await;
    let allowed = get(&app, "/denied").await;
    assert!(allowed.headers().keys().all(|name| !name.as_str().contains("ratelimit")));
    let denied = get(&app, "/denied").await;
    assert_eq!(number(&denied, "x-ratelimit-remaining"), Some(0));
    assert_eq!(header(&denied, "ratelimit").as_deref(), Some("\"denied\";r=0;t=42"));
}

#[tokio::test]
async fn stacked_attributes_share_one_answer() {
    let (app, _) = app().await;
    let answer = get(&app, "/stacked").await;
    let states: Vec<_> = answer.headers().get_all("ratelimit").iter().collect();
    assert_eq!(states, ["\"first\";r=4;t=42", "\"second\";r=8;t=3582"]);
}

#[tokio::test]
async fn a_dry_run_says_nothing() {
    let (app, _) = app().await;
    for _ in 0..3 {
        let answer = get(&app, "/dry").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "ratelimit"), None);
    }
}

#[tokio::test]
async fn an_exhausted_limit_does_not_stop_a_redirect_from_being_followed() {
    let (app, _) = app().await;
    let answer = get(&app, "/redirect").await;
    assert_eq!(answer.status(), 303);
    assert_eq!(header(&answer, "ratelimit"), None, "a client that sees r=0 may not follow");
}

#[tokio::test]
async fn an_independent_parser_reads_what_was_meant() {
    let (app, _) = app().await;
    for path in ["/plain", "/several", "/fine", "/gcra", "/huge", "/bare"] {
        for name in ["ratelimit-policy", "ratelimit"] {
            let Some(text) = header(&get(&app, path).await, name) else { continue };
            let list: List = Parser::new(&text).parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(List::serialize(&list).as_deref(), Some(text.as_str()), "canonical form");
            for member in &list {
                let ListEntry::Item(item) = member else { panic!("{text}: members are items") };
                assert!(matches!(item.bare_item, BareItem::String(_)), "{text}: names are strings");
                let integers = item.params.values().all(|value| matches!(value, BareItem::Integer(_)));
                assert!(integers && !item.params.is_empty(), "{text}: parameters are integers");
            }
        }
    }
}
