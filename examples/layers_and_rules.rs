//! Limits on a whole router, with rules that select requests: a layer with two throttles, an attribute below
//! the layer, and a rule that is added at run time.
//!
//! Run it with `cargo run --example layers_and_rules --features tower`. The environment variable `PORT` sets
//! another port than 3000.
//!
//! - `curl -i http://127.0.0.1:3000/api/items`, seven times: the seventh: 429, because the layer admits 6 per
//!   minute
//! - `curl -i -d note http://127.0.0.1:3000/api/notes`, three times: the third: 429, because the attribute
//!   admits 2 writes per minute
//! - `curl -i -d note -H 'x-staff: yes' http://127.0.0.1:3000/api/notes`: not limited by the attribute
//! - `curl -i http://127.0.0.1:3000/api/health`: 200: bypassed
//! - `curl -X POST http://127.0.0.1:3000/relax`: from then on, `/api/items` is not limited by the layer's
//!   `api`

use std::net::SocketAddr;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::{get, post};
use axum::{Router, response::IntoResponse};
use throttle::rule::Rules;
use throttle::{Registry, Rule, Settings, ThrottleLayer, registry, throttle};

async fn is_staff(headers: HeaderMap) -> bool {
    headers.get("x-staff").is_some_and(|value| value == "yes")
}

/// Is also limited by the layer. The attribute limits writes only, because of its rule.
#[throttle(
    uid = "notes",
    rate = "2/min",
    only = Rule::any().method(Method::POST).method(Method::DELETE),
    bypass = Rule::path("/api/notes").when(is_staff),
)]
async fn notes() -> &'static str {
    "noted\n"
}

async fn items() -> &'static str {
    "items\n"
}

/// Removes a limit at run time, as an operator would: from then on, `/api/items` bypasses `api`.
async fn relax(State(registry): State<Registry>) -> impl IntoResponse {
    match registry.add_rules("api", Rules::new().bypass(Rule::path("/api/items"))) {
        Ok(()) => (StatusCode::OK, "relaxed\n".to_owned()),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = registry().namespace("layers").install().await?;

    // The two throttles are one decision: both are charged or none.
    let limits = ThrottleLayer::new([
        ("burst", Settings::new().rate("50/s").key(throttle::key::Global)),
        ("api", Settings::new().rate("6/min")),
    ])
    .only(Rule::path("/api/**"))
    .bypass(Rule::path("/api/health").method(Method::GET))
    .check()?;

    let app = Router::new()
        .route("/api/notes", get(notes).post(notes))
        .route("/api/items", get(items))
        .route("/api/health", get(async || "well\n").post(async || "so so\n"))
        .route("/apis", get(async || "not about this\n"))
        .route("/relax", post(relax))
        .with_state(registry)
        .layer(limits);
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("try: curl -i http://{address}/api/notes    (and three times with -d note)");
    println!("     curl -i http://{address}/api/items    (until the layer has enough)");
    println!("     curl -i http://{address}/api/health   (as often as you like)");
    println!("     curl -X POST http://{address}/relax   (and then items again)");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
