//! Keys: which requests share a bucket. By address, by header, by cookie, all together, by a function, by the
//! path, and requests that are not limited at all.
//!
//! Run it with `cargo run --example keys`. The environment variable `PORT` sets another port than 3000. Each
//! bucket admits two requests per minute, and the third receives `429 Too Many Requests`.
//!
//! - `curl -i http://127.0.0.1:3000/ip`: the client's address
//! - `curl -i -H 'x-api-key: mine' http://127.0.0.1:3000/header`: the value of the header
//! - `curl -i -b session=mine http://127.0.0.1:3000/cookie`: the value of the cookie
//! - `curl -i http://127.0.0.1:3000/global`: one bucket for all requests
//! - `curl -i -H 'authorization: a1' http://127.0.0.1:3000/tenant`: the tenant of the token. `a1` and `a2`
//!   have the same tenant. Without a valid token, the status is 401.
//! - `curl -i -H 'authorization: monitor' http://127.0.0.1:3000/exempt`: no bucket, because the monitor is
//!   not limited
//! - `curl -i http://127.0.0.1:3000/orgs/acme/users/ann`: the organisation and the user

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "2/min", key = ip)]
async fn by_ip() -> &'static str {
    "one bucket per client address: the default\n"
}

/// **Security:** a client that can send arbitrary values gets a fresh bucket for each. In a real service,
/// something in front of this handler must verify the API key.
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

/// Maps tokens to tenants.
#[derive(Clone)]
struct Tenants(Arc<HashMap<&'static str, &'static str>>);

/// Returns the tenant of a token. All tokens of a tenant share its bucket, and a request without a valid
/// token receives 401.
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

/// Returns `true` for requests that are not limited. This function runs first: for exempt requests, no key is
/// computed.
async fn is_monitor(headers: HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|token| token == "monitor")
}

#[throttle(rate = "2/min", exempt = is_monitor)]
async fn but_monitors() -> &'static str {
    "no limit for the monitor\n"
}

/// The key is made of the handler's arguments, after they were extracted. Its values are separate parts: `a`,
/// `b/c` and `a/b`, `c` are different keys.
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
