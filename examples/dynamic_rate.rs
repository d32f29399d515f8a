//! Limits that depend on the client: 5 per minute on the free plan, 50 on the paid plan, none for staff.
//!
//! Run it with `cargo run --example dynamic_rate`. The environment variable `PORT` sets another port than
//! 3000.
//!
//! - `curl -i http://127.0.0.1:3000/items`: 200 with `ratelimit-policy: "items";q=5;w=60`
//! - `curl -i -H 'x-api-key: gold' http://127.0.0.1:3000/items`: 200 with `ratelimit-policy:
//!   "items";q=50;w=60`
//! - `curl -i -H 'x-api-key: root' http://127.0.0.1:3000/items`: 200 without `RateLimit` headers
//! - `curl -i -H 'x-api-key: nobody' http://127.0.0.1:3000/items`: 401, `no such key`

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, routing::get};
use throttle::{Rate, throttle};

#[derive(Clone, Copy)]
enum Plan {
    Free,
    Paid,
    Staff,
}

#[derive(Clone)]
struct App {
    plans: Plans,
    greeting: &'static str,
}

#[derive(Clone)]
struct Plans(Arc<HashMap<&'static str, Plan>>);

impl FromRef<App> for Plans {
    fn from_ref(app: &App) -> Self {
        app.plans.clone()
    }
}

const FREE: Rate = Rate::per_minute(5);
const PAID: Rate = Rate::per_minute(50);

/// Returns the rate of a request. When the plan of a client changes, its usage is kept, and only the limit
/// changes.
async fn plan_rate(
    State(Plans(plans)): State<Plans>,
    headers: HeaderMap,
) -> Result<Rate, (StatusCode, &'static str)> {
    let Some(key) = headers.get("x-api-key") else { return Ok(FREE) };
    match key.to_str().ok().and_then(|key| plans.get(key)) {
        Some(Plan::Free) => Ok(FREE),
        Some(Plan::Paid) => Ok(PAID),
        Some(Plan::Staff) => Ok(Rate::UNLIMITED),
        // **Security:** without this error, a client would get a fresh bucket for each value that it sends.
        None => Err((StatusCode::UNAUTHORIZED, "no such key\n")),
    }
}

/// `state` is needed because the function takes a part of the handler's state.
#[throttle(rate = plan_rate, key = header("x-api-key"), state = Plans)]
async fn items(State(app): State<App>) -> String {
    format!("{}\n", app.greeting)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plans = HashMap::from([("basic", Plan::Free), ("gold", Plan::Paid), ("root", Plan::Staff)]);
    let state = App { plans: Plans(Arc::new(plans)), greeting: "hello" };
    let app = Router::new().route("/items", get(items)).with_state(state);
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("try: curl -i http://{address}/items");
    println!("     curl -i -H 'x-api-key: gold' http://{address}/items    (or basic, root, nobody)");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
