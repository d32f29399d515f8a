//! Limits that depend on who asks: a few for free, more for those who pay, none for the staff.
//!
//! `cargo run --example dynamic_rate`, then follow the lines that it prints. `PORT` picks another port.

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

/// Asked once per request. What a client has used stays used when its plan changes: only the limit is another.
async fn plan_rate(
    State(Plans(plans)): State<Plans>,
    headers: HeaderMap,
) -> Result<Rate, (StatusCode, &'static str)> {
    let Some(key) = headers.get("x-api-key") else { return Ok(FREE) };
    match key.to_str().ok().and_then(|key| plans.get(key)) {
        Some(Plan::Free) => Ok(FREE),
        Some(Plan::Paid) => Ok(PAID),
        Some(Plan::Staff) => Ok(Rate::UNLIMITED),
        // Else anybody could have a bucket for each key that they make up.
        None => Err((StatusCode::UNAUTHORIZED, "no such key\n")),
    }
}

/// `state` is said because the function wants a part of the handler's own state.
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
