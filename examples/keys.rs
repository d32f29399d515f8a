//! Who is counted together: by address, header, cookie, all together, by a function, by the path; and who is
//! not counted at all.
//!
//! `cargo run --example keys`, then follow the lines that it prints. `PORT` picks another port.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "2/min", key = ip)]
async fn by_ip() -> &'static str {
    "one bucket per client address: the default\n"
}

/// Whoever may invent the value may invent a new bucket, so something before this must know the keys.
#[throttle(rate = "2/min", key = header("x-api-key"))]
async fn by_header() -> &'static str {
    "one bucket per API key, and per address for those without\n"
}

#[throttle(rate = "2/min", key = cookie("session"))]
async fn by_cookie() -> &'static str {
    "one bucket per session, and per address for those without\n"
}

#[throttle(rate = "2/min", key = global)]
async fn by_nothing() -> &'static str {
    "one bucket for all\n"
}

/// From tokens to tenants.
#[derive(Clone)]
struct Tenants(Arc<HashMap<&'static str, &'static str>>);

/// The tokens of a tenant share its bucket; who has none is answered at once.
async fn tenant(
    State(Tenants(tenants)): State<Tenants>,
    headers: HeaderMap,
) -> Result<&'static str, StatusCode> {
    let token = headers.get("authorization").and_then(|value| value.to_str().ok());
    token.and_then(|token| tenants.get(token).copied()).ok_or(StatusCode::UNAUTHORIZED)
}

#[throttle(rate = "2/min", key = tenant, state = Tenants)]
async fn by_tenant() -> &'static str {
    "one bucket per tenant\n"
}

/// Exempt callers are asked for first: for them not even the key is looked at.
async fn is_monitor(headers: HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|token| token == "monitor")
}

#[throttle(rate = "2/min", exempt = is_monitor)]
async fn but_monitors() -> &'static str {
    "no limit for the monitor\n"
}

/// Made of the handler's own arguments, so after they were extracted. `a`, `b/c` never meets `a/b`, `c`.
#[throttle(rate = "2/min", key = "{org}/{user}")]
async fn by_path(Path((org, user)): Path<(String, String)>) -> String {
    format!("one bucket for {user} of {org}\n")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tenants = Tenants(Arc::new(HashMap::from([("a1", "acme"), ("a2", "acme"), ("b1", "bolt")])));
    let app = Router::new()
        .route("/ip", get(by_ip))
        .route("/header", get(by_header))
        .route("/cookie", get(by_cookie))
        .route("/global", get(by_nothing))
        .route("/tenant", get(by_tenant))
        .route("/exempt", get(but_monitors))
        .route("/orgs/{org}/users/{user}", get(by_path))
        .with_state(tenants);
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("try: curl -i http://{address}/ip    (or /global)");
    println!("     curl -i -H 'x-api-key: mine' http://{address}/header    (or -b session=mine for /cookie)");
    println!("     curl -i -H 'authorization: a1' http://{address}/tenant    (or a2, b1)");
    println!("     curl -i -H 'authorization: monitor' http://{address}/exempt");
    println!("     curl -i http://{address}/orgs/acme/users/ann");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
