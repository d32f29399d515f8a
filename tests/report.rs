//! A program with every mistake that startup finds: behaviours 10, 21, 37, 77 and 105. One report names all.

use throttle::strategy::Gcra;
use throttle::{BackendError, ErrorKind, Settings, StaticThrottle, registry, throttle, throttle_fn};

#[throttle(uid = "api:search", rate = "10/s", backend = "redis")]
async fn search() {}

#[throttle(uid = "same", rate = "10/s")]
async fn first() {}

#[throttle(uid = "same", rate = "11/s")]
async fn second() {}

#[throttle(uid = "shared", rate = "10/s", strategy = Gcra::new())]
async fn shared() {}

#[throttle(uid = "shared", rate = "10/s", strategy = Gcra::new())]
async fn shared_on_purpose() {}

struct A;
struct B;

impl A {
    #[throttle(rate = "10/s")]
    async fn list() {}
}

impl B {
    #[throttle(rate = "10/s")]
    async fn list() {}
}

#[throttle_fn(uid = "job", rate = "1/s", backend = "rediss")]
async fn job() -> Result<(), throttle::ThrottleError> {
    Ok(())
}

#[throttle(uid = "static", rate = "1/s", backend = "nowhere")]
static LIMIT: StaticThrottle;

#[throttle(LIMIT)]
async fn shares_the_limit() {}

#[throttle(uid = "small", rate = "2/s", backend = "memory")]
static SMALL: StaticThrottle;

#[throttle(SMALL, cost = 3)]
async fn above_the_limit() {}

const OWED: i32 = -2;

#[throttle(SMALL, cost = OWED)]
async fn below_zero() {}

#[tokio::test]
async fn b021_b077_b105_one_report_names_every_problem_with_its_place() {
    let declared = registry()
        .throttle("api:serch", Settings::new().rate("1/s"))
        .throttle("same", Settings::new().on_error("ignore"))
        .defaults(Settings::new().backend("elsewhere"))
        .backend_with(
            "odd",
            throttle::backend::Memory::new(),
            Settings::new().backend("memory").cost(0_u8).rate("5/x"),
        )
        .trusted_proxies(["10.0.0.0/8", "10.0.0/8"])
        .backend("twice", throttle::backend::Memory::new())
        .backend("twice", throttle::backend::Memory::new());
    let error = declared.install().await.expect_err("nothing of this works");
    let report = error.to_string();
    let expected = [
        "declared twice",
        "\"10.0.0/8\"",
        "`api:serch`, but no attribute has that uid, did you mean `api:search`?",
        "tests/report.rs:6: `api:search` runs on the backend \"redis\", which is not declared. Declared backends: \"memory\", \"odd\", \"twice\"",
        "tests/report.rs:12: the uid `same` is also used at tests/report.rs:9 with different settings",
        "the override for `same`: unknown on_error \"ignore\"",
        "the defaults: the backend \"elsewhere\", which is not declared",
        "the settings of the backend \"odd\": the rate \"5/x\": unknown unit",
        "the settings of the backend \"odd\": they apply to throttles on this backend",
        "tests/report.rs:30: another function at tests/report.rs:25 is called `report::list` too",
        "`job` runs on the backend \"rediss\"",
        "`static` runs on the backend \"nowhere\"",
        "tests/report.rs:48: this use of `small` costs 3, which never fits 2/s",
        "tests/report.rs:53: the cost is -2, and a cost cannot be negative",
    ];
    for text in expected {
        assert!(report.contains(text), "{text}\nis not in\n{report}");
    }
    assert_eq!(report.matches("`static`").count(), 1, "once, however many share it: {report}");
    assert!(!report.contains("`shared`"), "a uid may be shared on purpose: {report}");
    assert!(report.starts_with("throttle is misconfigured in "), "{report}");
}

#[derive(Debug)]
struct Unreachable;

impl throttle::backend::Backend for Unreachable {
    fn decide<'a>(
        &'a self,
        _: &'a [throttle::backend::Charge<'a>],
        _: throttle::backend::Mode,
    ) -> throttle::backend::Reply<'a, throttle::backend::Verdict> {
        unreachable!("never initialised")
    }

    fn refund<'a>(
        &'a self,
        _: &'a [throttle::backend::Charge<'a>],
        _: u64,
    ) -> throttle::backend::Reply<'a, ()> {
        unreachable!("never initialised")
    }

    fn initialize(&self) -> throttle::backend::Reply<'_, ()> {
        let source = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        throttle::NowOrLater::now(Err(BackendError::with_source(
            ErrorKind::Connection,
            "cannot connect",
            source,
        )))
    }

    fn reset(&self) -> throttle::backend::Reply<'_, ()> {
        unreachable!("never initialised")
    }
}

#[tokio::test]
async fn b077_a_backend_that_is_not_ready_stops_the_start() {
    let error = registry().backend("main", Unreachable).build().await.expect_err("not reachable");
    assert_eq!(
        error.to_string(),
        "throttle cannot start: the backend \"main\" cannot be initialised: cannot connect: connection refused"
    );
}

#[tokio::test]
async fn the_handlers_of_this_file_are_used() {
    let _: axum::Router = axum::Router::new()
        .route("/1", axum::routing::get(search))
        .route("/2", axum::routing::get(first))
        .route("/3", axum::routing::get(second))
        .route("/4", axum::routing::get(shared))
        .route("/5", axum::routing::get(shared_on_purpose))
        .route("/limit", axum::routing::get(shares_the_limit))
        .route("/small", axum::routing::get(above_the_limit).post(below_zero))
        .route("/6", axum::routing::get(A::list))
        .route("/7", axum::routing::get(B::list));
    drop(job());
}
