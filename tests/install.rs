//! The global registry: installed once, active everywhere, and present without being installed.

mod common;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get as route;
use common::{Counted, events, status};
use std::sync::atomic::Ordering;
use throttle::backend::{Backend, Charge, Mode, Reply, Verdict};
use throttle::{BackendError, ErrorKind, NowOrLater, Registry, Settings, registry, retry, throttle};
use tracing::Level;

#[throttle(rate = "1/min", key = global)]
async fn limited() {}

#[throttle(uid = "tried", rate = "1/min", on_error = retry(3))]
#[expect(dead_code, reason = "for the report")]
async fn tried() {}

/// One test, because a process has one global registry.
#[tokio::test]
async fn b119_an_installed_registry_is_in_charge_of_everything() {
    events::listen();
    let backend = Counted::default();
    let declared = registry().namespace("installed").backend("memory", backend.clone());
    let installed = declared.defaults(Settings::new().on_error("allow")).install().await.expect("a registry");
    assert_eq!(Registry::current().namespace(), "installed");
    let report = events::seen(Level::INFO);
    let tried = report.iter().find(|line| line.contains("uid=\"tried\"")).expect("a line for each attribute");
    assert!(tried.contains("retry(3, 100ms, x2)") && tried.contains("total_timeout=1.1s"), "{tried}");
    let app = Router::new().route("/", route(limited));
    assert_eq!(status(&app, "/").await, StatusCode::OK);
    assert_eq!(tokio::spawn(async move { status(&app, "/").await }).await.expect("a task"), 429);
    assert_eq!(backend.decided.load(Ordering::SeqCst), 2);
    installed.disable_all();
    let app = Router::new().route("/", route(limited));
    assert_eq!(status(&app, "/").await, StatusCode::OK);
    let again = registry().install().await.expect_err("installed already");
    assert!(again.to_string().contains("install one registry"), "{again}");
    Registry::current().close().await.expect("closed");
    assert_eq!(backend.closed.load(Ordering::SeqCst), 1);
}

/// The address of the client is missing and there is no subscriber, so a new user sees the warning on stderr
/// only.
#[test]
fn f29_a_warning_reaches_a_program_without_a_subscriber() {
    let written = written_by("f29_child");
    assert!(written.contains("throttle: these limits are active:"), "{written}");
    let warnings = written.matches("throttle: warning: ").count();
    assert_eq!(warnings, 1, "once: {written}");
    assert!(written.contains("into_make_service_with_connect_info"), "{written}");
}

/// Runs one of the tests below in a process of its own, which has no subscriber. Returns what it writes to stderr.
fn written_by(child: &str) -> String {
    let output = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", child, "--nocapture"])
        .env("THROTTLE_F29_CHILD", "1")
        .output()
        .expect("a process");
    let written = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{written}");
    written
}

/// The same applies to the warnings of the startup check.
#[test]
fn f29_warnings_of_the_startup_reach_a_program_without_a_subscriber() {
    let written = written_by("f29_child_with_problems");
    let warnings: Vec<_> = written.lines().filter(|line| line.starts_with("throttle: warning: ")).collect();
    let of = |text: &str| warnings.iter().filter(|line| line.contains(text)).count();
    assert_eq!(of("`hello` on \"memory\": `retry_on` names timeouts"), 1, "{written}");
    assert_eq!(of("the backend \"down\" cannot be initialised: "), 1, "{written}");
}

#[throttle(uid = "hello", rate = "10/min")]
async fn hello() {}

/// Does nothing except in the process that the test above starts.
#[tokio::test]
async fn f29_child() {
    use tower::ServiceExt;
    if std::env::var_os("THROTTLE_F29_CHILD").is_none() {
        return;
    }
    registry().install().await.expect("nothing is wrong");
    let app = Router::new().route("/", route(hello));
    for _ in 0..3 {
        let request = axum::http::Request::new(axum::body::Body::empty());
        app.clone().oneshot(request).await.expect("a response");
    }
}

/// A backend that cannot recognise retries, and a backend that is unreachable.
#[tokio::test]
async fn f29_child_with_problems() {
    if std::env::var_os("THROTTLE_F29_CHILD").is_none() {
        return;
    }
    let retries = retry(3).retry_on(&[ErrorKind::Timeout]);
    let declared =
        registry().backend("memory", Counted::default()).defaults(Settings::new().on_error(retries));
    let declared = declared.backend("down", Down).require_backends(false);
    declared.install().await.expect("no backend is required");
}

#[derive(Debug)]
struct Down;

impl Backend for Down {
    fn decide<'a>(&'a self, _: &'a [Charge<'a>], _: Mode) -> Reply<'a, Verdict> {
        NowOrLater::now(Err(BackendError::new(ErrorKind::Connection, "unreachable")))
    }

    fn refund<'a>(&'a self, _: &'a [Charge<'a>], _: u64) -> Reply<'a, ()> {
        NowOrLater::now(Err(BackendError::new(ErrorKind::Connection, "unreachable")))
    }

    fn reset(&self) -> Reply<'_, ()> {
        NowOrLater::now(Ok(()))
    }

    fn initialize(&self) -> Reply<'_, ()> {
        NowOrLater::now(Err(BackendError::new(ErrorKind::Connection, "unreachable")))
    }
}
