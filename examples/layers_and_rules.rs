//! Limits around a whole router, with rules that say which requests they are about: a layer with two throttles, an
//! attribute inside of it, and a rule that is added while the program runs.
//!
//! `cargo run --example layers_and_rules --features tower`, then follow the lines that it prints. `PORT` picks another
//! port.

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

/// Counts in the throttles of the layer, too. Reading costs nothing more: the rule is about writing.
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

/// What an operator does when a limit turns out to hurt: from now on `/api/items` is free.
async fn relax(State(registry): State<Registry>) -> impl IntoResponse {
    match registry.add_rules("api", Rules::new().bypass(Rule::path("/api/items"))) {
        Ok(()) => (StatusCode::OK, "relaxed\n".to_owned()),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = registry().namespace("layers").install().await?;

    // Both are one decision: either both are charged or none.
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
