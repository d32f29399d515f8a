//! Charges at the end of the work: a report is charged for the parts that succeeded. A part that fails costs
//! nothing, and neither does a report that fails.
//!
//! Run it with `cargo run --example quota`. The environment variable `PORT` sets another port than 3000. Each
//! user has 10 units per minute, and all users together have 25. A report costs one unit, and three for each
//! chart.
//!
//! - `curl -i 'http://127.0.0.1:3000/report?user=ann&charts=2'`: 200, 7 units; a second time: 429
//! - `curl -i 'http://127.0.0.1:3000/report?user=bob&charts=2&broken=1'`: 200, 4 units: the failed chart
//!   costs nothing
//! - `curl -i 'http://127.0.0.1:3000/report?user=bob&jams=true'`: 500, no units
//! - `curl -i 'http://127.0.0.1:3000/report?user=eve&charts=9'`: 422: no wait helps, because the limit is 10

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use serde::Deserialize;
use serde_json::json;
use throttle::{Decision, Registry, Savepoint, Settings, Throttle, Throttled};

struct Limits {
    users: Throttle,
    teams: Throttle,
}

#[derive(Deserialize)]
struct Report {
    user: String,
    #[serde(default)]
    charts: u64,
    /// The chart with this number cannot be drawn.
    broken: Option<u64>,
    /// Whether the report fails after its charts are drawn.
    #[serde(default)]
    jams: bool,
}

/// Draws a chart: two units, and one for its legend, which is a nested part.
fn draw(mut chart: Savepoint<'_>, number: u64, broken: Option<u64>) -> Result<String, &'static str> {
    chart.charge(2);
    let mut legend = chart.savepoint();
    legend.charge(1);
    legend.commit();
    if broken == Some(number) {
        return Err("there are no numbers"); // drops the charges of this chart
    }
    chart.commit();
    Ok(format!("chart {number}"))
}

/// Charges the report to its user and to the limit of all users.
async fn report(
    State(limits): State<Arc<Limits>>,
    Query(report): Query<Report>,
) -> Result<Response, StatusCode> {
    let mut transaction = limits.users.transaction(&report.user).and(&limits.teams, "the team");
    transaction.charge(1);
    // Do not draw charts if not even the first unit is left. This check consumes nothing.
    let checked = transaction.peek().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    if checked.is_throttled() {
        return Ok(later(&checked));
    }
    let charts =
        (0..report.charts).filter_map(|number| draw(transaction.savepoint(), number, report.broken).ok());
    let charts: Vec<String> = charts.collect();
    if report.jams {
        return Err(StatusCode::INTERNAL_SERVER_ERROR); // nothing was charged
    }
    let units = transaction.charged();
    // The two throttles share a backend, so this is one decision: both are charged or none.
    let decision = transaction.commit().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    if decision.is_throttled() {
        return Ok(later(&decision));
    }
    Ok(Json(json!({ "charts": charts, "units": units, "left": decision.remaining() })).into_response())
}

/// Returns the same response as an attribute, without the `RateLimit` headers.
fn later(denied: &Decision) -> Response {
    match denied.retry_after() {
        Some(wait) => Throttled::new(wait).into_response(),
        None => (StatusCode::UNPROCESSABLE_ENTITY, "no wait makes room for such a report\n").into_response(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::current();
    let users = registry.create("reports:user", Settings::new().rate("10/min"))?;
    let teams = registry.create("reports:team", Settings::new().rate("25/min"))?;
    let app = Router::new().route("/report", get(report)).with_state(Arc::new(Limits { users, teams }));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("try: curl -i 'http://{address}/report?user=ann&charts=2'    (seven units: twice is too much)");
    println!("     curl -i 'http://{address}/report?user=bob&charts=2&broken=1'    (four units)");
    println!("     curl -i 'http://{address}/report?user=bob&jams=true'    (none)");
    axum::serve(listener, app).await?;
    Ok(())
}
