//! Tests of limits: a quota per day without a wait, and a store that fails on demand.
//!
//! Run the tests at the end of this file with `cargo test --example testing --features testkit`.
//!
//! Run the service with `cargo run --example testing --features testkit`. The environment variable `PORT`
//! sets another port than 3000. The fourth `curl -i http://127.0.0.1:3000/report` of a day receives `429 Too
//! Many Requests`.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use throttle::{backend::Memory, registry, throttle};

#[throttle(uid = "report", rate = "3/day")]
async fn report() -> &'static str {
    "a report\n"
}

#[throttle(uid = "search", rate = "100/min", backend = "store", on_error = "allow")]
async fn search() -> &'static str {
    "found\n"
}

#[throttle(uid = "pay", rate = "10/min", backend = "store")]
async fn pay() -> &'static str {
    "paid\n"
}

/// The router, for the service and for the tests.
fn app() -> Router {
    Router::new().route("/report", get(report)).route("/search", get(search)).route("/pay", get(pay))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In production, `store` would be Redis, for example.
    registry().backend("store", Memory::new()).install().await?;
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("try: curl -i http://{}/report    (or /search, /pay)", listener.local_addr()?);
    axum::serve(listener, app().into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Extension;
    use axum::body::Body;
    use axum::extract::connect_info::MockConnectInfo;
    use axum::http::Request;
    use axum::response::Response;
    use throttle::testkit::{Faulty, assert_passed, assert_throttled};
    use throttle::{ErrorKind, ManualClock};
    use tower::ServiceExt;

    use super::*;

    /// The service in a registry of its own, with a clock and a store that the test controls.
    struct Bench {
        app: Router,
        clock: ManualClock,
        store: Faulty,
    }

    impl Bench {
        async fn new() -> Self {
            let clock = ManualClock::new();
            let memory = || Memory::builder().clock(clock.clone()).build();
            let store = Faulty::new(memory());
            let declared = registry().backend("memory", memory()).backend("store", store.clone());
            let registry = declared.build().await.expect("nothing is wrong with it");
            let client = MockConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711)));
            Self { app: app().layer(Extension(registry)).layer(client), clock, store }
        }

        async fn get(&self, path: &str) -> Response {
            let request = Request::get(path).body(Body::empty()).expect("a request");
            self.app.clone().oneshot(request).await.expect("an answer")
        }
    }

    #[tokio::test]
    async fn a_report_more_than_three_waits_for_the_next_day() {
        let bench = Bench::new().await;
        bench.clock.advance(Duration::from_secs(6 * 3_600));
        for _ in 0..3 {
            assert_passed(&bench.get("/report").await);
        }
        let rest = Duration::from_secs(18 * 3_600);
        assert_throttled(&bench.get("/report").await, rest);
        bench.clock.advance(rest.saturating_sub(Duration::from_micros(1)));
        assert_throttled(&bench.get("/report").await, Duration::from_micros(1));
        bench.clock.advance(Duration::from_micros(1));
        assert_passed(&bench.get("/report").await);
    }

    /// Each search waits 100 ms for the store. With `start_paused`, tokio skips these waits.
    #[tokio::test(start_paused = true)]
    async fn searches_go_on_while_the_store_is_down() {
        let bench = Bench::new().await;
        bench.store.fail(ErrorKind::Connection);
        for _ in 0..200 {
            assert_passed(&bench.get("/search").await);
        }
        bench.store.hang();
        assert_passed(&bench.get("/search").await);
        bench.store.heal();
        assert_passed(&bench.get("/search").await);
        assert_eq!(bench.store.calls(), 202);
    }

    #[tokio::test]
    async fn payments_do_not() {
        let bench = Bench::new().await;
        bench.store.fail(ErrorKind::Connection);
        assert_throttled(&bench.get("/pay").await, Duration::from_secs(1));
        bench.store.heal();
        assert_passed(&bench.get("/pay").await);
    }
}
