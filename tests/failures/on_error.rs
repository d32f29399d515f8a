//! Requests when the backend fails: behaviours 33 to 42, stories 16, 17, 22 and 23.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::routing::get as route;
use throttle::backend::{Backend, Charge, Mode, Reply, Verdict};
use throttle::{
    BackendError, DecisionReason, ErrorAction, ErrorKind, Failure, Hit, ManualClock, NowOrLater, OnError,
    Quota, Registry, Settings, registry, throttle,
};
use tracing::Level;

use crate::common::{Broken, events, get, number, seconds, service, status, text};

async fn broken(settings: Settings) -> (Registry, Broken) {
    let backend = Broken::default();
    let declared = registry().backend_with("memory", backend.clone(), settings);
    (declared.build().await.expect("a registry"), backend)
}

#[throttle(rate = "5/min", on_error = "allow")]
async fn open() -> &'static str {
    "ok"
}

#[throttle(rate = "5/min")]
async fn closed() {}

#[throttle(rate = "5/min", on_error = "throttle")]
async fn throttling() {}

#[throttle(rate = "5/min", on_error = "raise")]
async fn raising() {}

#[throttle(rate = "5/min", on_error = OnError::Throttle(Duration::from_millis(7_500)))]
async fn longer() {}

#[tokio::test]
async fn b033_s14_allow_lets_the_request_pass_with_one_event() {
    events::listen();
    let (registry, _) = broken(Settings::new()).await;
    let app = service(Router::new().route("/", route(open)), &registry);
    let answer = get(&app, "/").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers().get("ratelimit").is_none(), "nothing is known, so nothing is said");
    assert_eq!(text(answer).await, "ok");
    let [event] = &events::seen(Level::WARN)[..] else { panic!("one event") };
    assert!(event.contains("error=the store is gone") && event.contains("reaction=\"allow\""), "{event}");
}

#[tokio::test]
async fn b034_s14_the_default_is_to_throttle_for_a_second() {
    let (registry, _) = broken(Settings::new()).await;
    let app = service(Router::new().route("/", route(closed)).route("/said", route(throttling)), &registry);
    for path in ["/", "/said"] {
        let answer = get(&app, path).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(number(&answer, "retry-after"), Some(1));
    }
}

#[tokio::test]
async fn b035_the_wait_can_be_longer() {
    let (registry, _) = broken(Settings::new()).await;
    let app = service(Router::new().route("/", route(longer)), &registry);
    assert_eq!(number(&get(&app, "/").await, "retry-after"), Some(8));
}

#[tokio::test]
async fn b036_raise_is_a_500_that_keeps_its_source() {
    let (registry, _) = broken(Settings::new()).await;
    let app = service(Router::new().route("/", route(raising)), &registry);
    let answer = get(&app, "/").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let error = answer.extensions().get::<BackendError>().expect("the error");
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.source().expect("a source").is::<crate::common::ThrottleError>());
    assert_eq!(text(answer).await, "the rate limiter failed", "the client learns nothing about the store");
}

#[tokio::test]
async fn b037_another_name_is_a_construction_error() {
    let declared = registry().defaults(Settings::new().on_error("ignore"));
    let error = declared.build().await.expect_err("no such policy").to_string();
    assert!(error.contains("the defaults: unknown on_error") && error.contains("\"raise\""), "{error}");
    let settings = Settings::new().rate("1/s").on_error("ignore");
    Registry::default().create("a", settings).expect_err("no such policy");
}

async fn answer_by_path(uri: axum::http::Uri, failure: Failure) -> Result<ErrorAction, BackendError> {
    match uri.path() {
        "/allow" => Ok(ErrorAction::Allow),
        "/wait" => Ok(ErrorAction::Throttle(Duration::from_millis(2_500))),
        "/zero" => Ok(ErrorAction::Throttle(Duration::ZERO)),
        "/own" => Err(BackendError::new(ErrorKind::Store, "an error of one's own")),
        _ => Err(failure.error().clone()),
    }
}

#[throttle(uid = "by-path", rate = "5/min", on_error = answer_by_path)]
async fn asks() {}

#[tokio::test]
async fn b038_s16_a_function_decides() {
    let (registry, _) = broken(Settings::new()).await;
    let app = Router::new().fallback(route(asks));
    let app = service(app, &registry);
    assert_eq!(status(&app, "/allow").await, StatusCode::OK);
    assert_eq!(number(&get(&app, "/wait").await, "retry-after"), Some(3));
    assert_eq!(number(&get(&app, "/zero").await, "retry-after"), Some(1), "never a 429 in 0 seconds");
    let own = get(&app, "/own").await;
    assert_eq!(
        own.extensions().get::<BackendError>().map(ToString::to_string).as_deref(),
        Some("an error of one's own")
    );
    assert_eq!(status(&app, "/raise").await, StatusCode::INTERNAL_SERVER_ERROR);
    let counts = registry.get("by-path").expect("used").counts();
    assert_eq!((counts.allowed_on_error, counts.throttled_on_error, counts.raised), (1, 2, 2));
}

type Seen = Arc<std::sync::Mutex<Vec<Failure>>>;

async fn record(State(seen): State<Seen>, method: Method, failure: Failure) -> ErrorAction {
    assert_eq!(method, Method::GET);
    seen.lock().expect("the list").push(failure);
    ErrorAction::Allow
}

async fn three() -> u32 {
    3
}

#[throttle(uid = "seen", rate = "5/min, 50/h", cost = three, key = header("x-user"), on_error = record)]
async fn recorded(State(_): State<Seen>) {}

#[tokio::test]
async fn b039_s22_the_failure_says_everything() {
    let (registry, _) = broken(Settings::new()).await;
    let seen = Seen::default();
    let app = service(Router::new().route("/", route(recorded)).with_state(seen.clone()), &registry);
    assert_eq!(status(&app, "/").await, StatusCode::OK);
    let seen = seen.lock().expect("the list");
    let [failure] = seen.as_slice() else { panic!("asked once") };
    assert_eq!(
        (failure.uid(), failure.backend(), failure.cost(), failure.attempt()),
        ("seen", "memory", 3, 1)
    );
    assert_eq!(failure.rates().to_string(), "5/min, 50/hour");
    assert_eq!(failure.error().kind(), ErrorKind::Connection);
    assert!(!failure.key().as_bytes().is_empty());
}

#[tokio::test]
async fn b040_s17_s23_the_attribute_wins_over_the_backend() {
    let (registry, _) = broken(Settings::new().on_error("allow")).await;
    let app = service(Router::new().route("/", route(closed)).route("/said", route(throttling)), &registry);
    assert_eq!(status(&app, "/").await, StatusCode::OK, "the backend's policy, although it was bound late");
    assert_eq!(status(&app, "/said").await, StatusCode::TOO_MANY_REQUESTS);
    let program = registry.create("program", Settings::new().rate("1/s")).expect("a throttle");
    assert_eq!(program.hit("a").await.expect("allowed").reason(), DecisionReason::AllowedOnError);
}

#[tokio::test]
async fn b041_a_policy_says_nothing_where_nothing_fails() {
    let app = service(Router::new().route("/", route(longer)), &Registry::default());
    assert_eq!(status(&app, "/").await, StatusCode::OK);
}

static ASKED: AtomicUsize = AtomicUsize::new(0);

async fn count_asked(_: Failure) -> ErrorAction {
    ASKED.fetch_add(1, Ordering::SeqCst);
    ErrorAction::Allow
}

#[throttle(rate = "5/min", on_error = count_asked)]
async fn hung() {}

#[tokio::test(start_paused = true)]
async fn b042_b063_a_cancelled_request_asks_no_policy_and_a_hung_store_costs_one_deadline() {
    let backend = Broken { hangs: true, ..Broken::default() };
    let declared = registry().backend_with("memory", backend.clone(), Settings::new().timeout(seconds(2)));
    let app = service(Router::new().route("/", route(hung)), &declared.build().await.expect("a registry"));
    let cancelled = tokio::time::timeout(seconds(1), get(&app, "/")).await;
    assert!(cancelled.is_err());
    assert_eq!((backend.calls(), ASKED.load(Ordering::SeqCst)), (1, 0));
    let before = tokio::time::Instant::now();
    assert_eq!(status(&app, "/").await, StatusCode::OK);
    assert_eq!(before.elapsed(), seconds(2));
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
}

async fn cannot_be_asked(_: axum::extract::Extension<u128>, _: Failure) -> ErrorAction {
    ErrorAction::Allow
}

#[throttle(rate = "5/min", on_error = cannot_be_asked)]
async fn speechless() {}

#[tokio::test]
async fn b034_a_policy_that_cannot_be_asked_leaves_the_default() {
    events::listen();
    let (registry, _) = broken(Settings::new()).await;
    let app = service(Router::new().route("/", route(speechless)), &registry);
    assert_eq!(number(&get(&app, "/").await, "retry-after"), Some(1));
    assert_eq!(events::seen(Level::WARN).len(), 1);
}

#[throttle(uid = "dry", rate = "5/min", dry_run, on_error = "raise")]
async fn dry() {}

#[tokio::test]
async fn b119_a_dry_run_is_not_noticed_when_the_backend_fails() {
    let (registry, _) = broken(Settings::new()).await;
    let app = service(Router::new().route("/", route(dry)), &registry);
    assert_eq!(status(&app, "/").await, StatusCode::OK);
    let dry = registry.get("dry").expect("used");
    assert!(dry.hit("a").await.expect("not enforced").is_allowed());
    assert_eq!(dry.counts().allowed_on_error, 2);
}

/// Returns no quotas at all, as if nothing were limited.
#[derive(Debug)]
struct Lying;

impl Backend for Lying {
    fn decide<'a>(&'a self, _: &'a [Charge<'a>], _: Mode) -> Reply<'a, Verdict> {
        NowOrLater::now(Ok(Verdict::new(throttle::Quotas::new(), 0)))
    }

    fn refund<'a>(&'a self, _: &'a [Charge<'a>], _: u64) -> Reply<'a, ()> {
        NowOrLater::now(Ok(()))
    }

    fn reset(&self) -> Reply<'_, ()> {
        NowOrLater::now(Ok(()))
    }
}

#[tokio::test]
async fn a_backend_that_lies_ends_in_the_policy() {
    let registry = registry().backend("memory", Lying).build().await.expect("a registry");
    let app = service(Router::new().route("/", route(closed)).route("/raise", route(raising)), &registry);
    assert_eq!(status(&app, "/").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status(&app, "/raise").await, StatusCode::INTERNAL_SERVER_ERROR);
}

#[throttle(rate = "5/min", backend = "quick")]
#[throttle(rate = "5/min", backend = "slow")]
#[throttle(rate = "5/min", backend = "slow")]
async fn two_deadlines() {}

#[tokio::test(start_paused = true)]
async fn the_shortest_deadline_of_a_decision_holds() {
    let slow = Broken { hangs: true, ..Broken::default() };
    let declared = registry()
        .backend("slow", slow)
        .backend("quick", throttle::backend::Memory::new())
        .throttle("failures::on_error::two_deadlines#2", Settings::new().timeout(seconds(3)))
        .throttle("failures::on_error::two_deadlines#3", Settings::new().timeout(seconds(2)));
    let app =
        service(Router::new().route("/", route(two_deadlines)), &declared.build().await.expect("a registry"));
    let before = tokio::time::Instant::now();
    assert_eq!(status(&app, "/").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(before.elapsed(), seconds(2));
}

#[tokio::test]
async fn a_raised_error_reaches_a_program_as_an_error() {
    let (registry, _) = broken(Settings::new().on_error("raise")).await;
    let throttle = registry.create("program", Settings::new().rate("1/s")).expect("a throttle");
    let error = throttle.hit(Hit::new("a")).await.expect_err("raised");
    assert_eq!(error.to_string(), "the store is gone");
    assert_eq!(throttle.counts().raised, 1);
}

/// A backend that fails with errors of these kinds in sequence.
#[derive(Debug, Default)]
struct Failing {
    kinds: Vec<ErrorKind>,
    decisions: AtomicUsize,
    /// Whether decisions work, so that only refunds fail.
    decides: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("no connection from the pool")]
struct Pool(#[source] std::io::Error);

impl Failing {
    fn error(&self) -> BackendError {
        let kind = self.kinds[self.decisions.fetch_add(1, Ordering::SeqCst) % self.kinds.len()];
        BackendError::with_source(
            kind,
            "the store failed",
            Pool(std::io::Error::other("certificate expired")),
        )
    }
}

impl Backend for Failing {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], _: Mode) -> Reply<'a, Verdict> {
        if self.decides {
            let quotas: Vec<_> = charges.iter().map(|charge| Quota::allowed(charge.rates[0], 1)).collect();
            return NowOrLater::now(Ok(Verdict::new(quotas, 0)));
        }
        NowOrLater::now(Err(self.error()))
    }

    fn refund<'a>(&'a self, _: &'a [Charge<'a>], _: u64) -> Reply<'a, ()> {
        NowOrLater::now(Err(self.error()))
    }

    fn reset(&self) -> Reply<'_, ()> {
        NowOrLater::now(Ok(()))
    }
}

async fn failing(backend: Failing) -> (Registry, ManualClock) {
    let clock = ManualClock::new();
    let declared = registry().backend("memory", backend).clock(clock.clone());
    (declared.build().await.expect("a registry"), clock)
}

fn omitted(lines: &[String]) -> Vec<Option<u64>> {
    let field =
        |line: &String| line.split_whitespace().find_map(|part| part.strip_prefix("omitted=")?.parse().ok());
    lines.iter().map(field).collect()
}

#[tokio::test]
async fn f33_failures_are_logged_once_per_second_and_kind() {
    events::listen();
    let kinds = vec![ErrorKind::Connection, ErrorKind::Timeout];
    let (registry, clock) = failing(Failing { kinds, ..Failing::default() }).await;
    let app = service(Router::new().route("/", route(open)), &registry);
    for _ in 0..500 {
        assert_eq!(status(&app, "/").await, StatusCode::OK);
    }
    assert_eq!(omitted(&events::seen(Level::WARN)), [None, None], "the first of each kind");
    clock.advance(Duration::from_micros(999_999));
    assert_eq!(status(&app, "/").await, StatusCode::OK);
    assert_eq!(events::seen(Level::WARN).len(), 2);
    clock.advance(Duration::from_micros(1));
    for _ in 0..500 {
        assert_eq!(status(&app, "/").await, StatusCode::OK);
    }
    assert_eq!(omitted(&events::seen(Level::WARN)[2..]), [Some(249), Some(250)], "one more of each kind");
}

#[tokio::test]
async fn f33_failed_fallbacks_and_denials_by_policy_are_logged_once_per_second() {
    for on_error in ["raise", "throttle"] {
        events::listen();
        let (registry, _) = failing(Failing { kinds: vec![ErrorKind::Store], ..Failing::default() }).await;
        let throttle =
            registry.create("imports", Settings::new().rate("5/min").on_error(on_error)).expect("one");
        for _ in 0..100 {
            let _ = throttle.hit("a").await;
        }
        assert_eq!(events::seen(Level::WARN).len(), 1, "{on_error}");
    }
    events::listen();
    let backend = Failing { kinds: vec![ErrorKind::Store], ..Failing::default() };
    // No second passes between two lines.
    let declared = registry().backend("store", backend).clock(ManualClock::new());
    let registry = declared.build().await.expect("a registry");
    let settings = Settings::new().rate("50/min").backend("store").on_error(throttle::fallback("memory"));
    let throttle = registry.create("imports", settings).expect("one");
    for _ in 0..20 {
        assert!(throttle.hit("a").await.expect("decided").is_allowed());
    }
    assert_eq!(events::seen(Level::WARN).len(), 1);
}

#[throttle(rate = "5000/min", charge_when = |_: &axum::http::response::Parts| false)]
async fn free() {}

#[tokio::test]
async fn f33_failed_refunds_are_logged_once_per_second() {
    events::listen();
    let (registry, _) =
        failing(Failing { kinds: vec![ErrorKind::Store], decides: true, ..Failing::default() }).await;
    let app = service(Router::new().route("/", route(free)), &registry);
    for _ in 0..20 {
        assert_eq!(status(&app, "/").await, StatusCode::OK);
        tokio::task::yield_now().await;
    }
    registry.close().await.expect("all refunds are over");
    let [line] = &events::seen(Level::WARN)[..] else { panic!("one line: {:?}", events::seen(Level::WARN)) };
    assert!(line.contains("the store failed: no connection from the pool: certificate expired"), "{line}");
}

#[tokio::test]
async fn f34_the_event_and_the_error_of_raise_have_the_whole_chain() {
    events::listen();
    let (registry, _) = failing(Failing { kinds: vec![ErrorKind::Store], ..Failing::default() }).await;
    let app = service(Router::new().route("/", route(raising)), &registry);
    let answer = get(&app, "/").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let raised = answer.extensions().get::<BackendError>().expect("the error, for a layer that logs");
    let (mut causes, mut cause) = (Vec::new(), Some(raised as &dyn Error));
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    let expected = ["the store failed", "no connection from the pool", "certificate expired"];
    assert_eq!(causes, expected);
    let [line] = &events::seen(Level::WARN)[..] else { panic!("one line") };
    assert!(line.contains(&format!("error={}", expected.join(": "))), "{line}");
}
