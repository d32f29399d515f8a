//! The expansion of the attributes triggers no lint. `cargo clippy --all-targets` checks this file.

#![deny(
    warnings,
    future_incompatible,
    keyword_idents,
    let_underscore,
    nonstandard_style,
    refining_impl_trait
)]
#![deny(rust_2018_idioms, rust_2021_compatibility, rust_2024_compatibility, unused)]
#![deny(
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    let_underscore_drop,
    macro_use_extern_crate
)]
#![deny(meta_variable_misuse, missing_copy_implementations, missing_debug_implementations, missing_docs)]
#![deny(redundant_imports, redundant_lifetimes, single_use_lifetimes, trivial_casts, trivial_numeric_casts)]
#![deny(unit_bindings, unnameable_types, unreachable_pub, unsafe_code, unused_crate_dependencies)]
#![deny(
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]
#![deny(clippy::all, clippy::cargo, clippy::nursery, clippy::pedantic)]
#![allow(unused_crate_dependencies, reason = "the packages of the other tests")]
#![allow(clippy::multiple_crate_versions, clippy::cargo_common_metadata, reason = "about the lock file")]

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::{Json, Router, routing::get, routing::post};
use throttle::strategy::Gcra;
use throttle::{ErrorAction, Failure, Rate, ThrottleError, Throttled, throttle, throttle_fn};

#[derive(Clone, Copy)]
struct App(u64);

async fn tenant(State(app): State<App>) -> u64 {
    std::future::ready(app.0).await
}

async fn plan(State(app): State<App>) -> Rate {
    std::future::ready(Rate::per_minute(app.0)).await
}

async fn policy(failure: Failure) -> ErrorAction {
    std::future::ready(ErrorAction::Throttle(std::time::Duration::from_secs(failure.cost()))).await
}

async fn too_many(throttled: Throttled) -> impl IntoResponse {
    std::future::ready(throttled).await
}

#[throttle(rate = "100/min")]
async fn smallest() -> &'static str {
    std::future::ready("ok").await
}

#[throttle(rate = plan, key = tenant, on_error = policy, handler = too_many, cost = 2)]
#[throttle(rate = "10/s, 500/hour", strategy = Gcra::new().burst(5), headers = "legacy", key = "{id}")]
async fn largest(
    State(mut app): State<App>,
    Path(id): Path<u64>,
    Json(body): Json<String>,
) -> Result<String, String> {
    app.0 += std::future::ready(id).await;
    if app.0 == 0 {
        return Err(body);
    }
    Ok(app.0.to_string())
}

#[throttle(rate = "100/min")]
async fn opaque() -> Result<impl IntoResponse, &'static str> {
    let ready: Result<u8, &'static str> = std::future::ready(Ok(1)).await;
    Ok(Json(ready?))
}

#[throttle(rate = "100/min")]
async fn nothing() {
    std::future::ready(()).await;
}

#[throttle(rate = "100/min")]
async fn never() -> ! {
    std::future::pending().await
}

#[throttle(rate = "100/min")]
async fn generic<const N: usize>() -> String {
    std::future::ready(N).await.to_string()
}

struct Mail(u64);

impl Mail {
    #[throttle(rate = "100/min")]
    async fn handler() -> &'static str {
        std::future::ready("ok").await
    }

    #[throttle_fn(rate = "5/s", key = "{self.0}/{to}", cost = 3)]
    async fn send(&mut self, to: &str) -> Result<usize, ThrottleError> {
        self.0 += 1;
        Ok(std::future::ready(to.len()).await)
    }

    #[throttle_fn(rate = "5/s")]
    async fn consume<T: Send>(self, value: T) -> Result<(u64, T), Box<dyn std::error::Error + Send + Sync>> {
        let three: u64 = "3".parse()?;
        Ok((std::future::ready(self.0).await + three, value))
    }
}

#[tokio::test]
async fn everything_that_was_checked_works() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let router =
        Router::new().route("/a", get(smallest)).route("/b/{id}", post(largest)).route("/c", get(opaque));
    let router = router.route("/d", get(nothing)).route("/e", get(never)).route("/f", get(generic::<3>));
    let router: Router = router.route("/g", get(Mail::handler)).with_state(App(7));
    assert!(router.has_routes());
    let mut mail = Mail(1);
    assert_eq!(mail.send("you").await?, 3);
    assert_eq!(mail.consume("me").await?, (5, "me"));
    Ok(())
}

mod messages {
    use std::ops::ControlFlow;

    use throttle::ws::Socket;
    use throttle::{ThrottleError, Throttled, throttle_message};

    async fn tell(throttled: Throttled, socket: &mut Socket) {
        socket.notify(throttled.retry_after()).await;
    }

    async fn strict(throttled: Throttled, _: &mut Socket) -> Result<(), Throttled> {
        std::future::ready(Err(throttled)).await
    }

    #[throttle_message(rate = "60/min", handler = tell)]
    async fn nothing(socket: &mut Socket) {
        drop(socket.recv().await);
    }

    #[throttle_message(rate = "60/min")]
    #[throttle_message(rate = "1/s", key = "{text}", handler = strict)]
    async fn flow(socket: &mut Socket, text: &str) -> Result<ControlFlow<usize>, ThrottleError> {
        drop(socket.recv().await);
        Ok(ControlFlow::Break(text.len()))
    }

    #[test]
    fn what_was_checked_is_there() {
        let _ = |socket: &mut Socket| (drop(nothing(socket)), drop(flow(socket, "text")));
    }
}
