//! A report that charges what it came to when it is done: its parts may fail without costing anything, and a report that
//! fails costs nothing at all.
//!
//! `cargo run --example quota`, then follow the lines that it prints. `PORT` picks another port.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use serde::Deserialize;
use serde_json::json;
use throttle::{Decision, Nested, Registry, Settings, Throttle, Throttled};

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
    /// Nor can the report be printed.
    #[serde(default)]
    jams: bool,
}

/// Two units, and one more for the legend, which is a part of its own.
fn draw(mut chart: Nested<'_>, number: u64, broken: Option<u64>) -> Result<String, &'static str> {
    chart.charge(2);
    let mut legend = chart.nested();
    legend.charge(1);
    legend.commit();
    if broken == Some(number) {
        return Err("there are no numbers"); // and what the chart had charged is gone with it
    }
    chart.commit();
    Ok(format!("chart {number}"))
}

/// Each user has so many units, and all of them together.
async fn report(
    State(limits): State<Arc<Limits>>,
    Query(report): Query<Report>,
) -> Result<Response, StatusCode> {
    let mut tab = limits.users.tab(&report.user).and(&limits.teams, "the team");
    tab.charge(1);
    // Nobody draws charts for a report of which not even the first unit can be paid.
    let checked = tab.check().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    if checked.is_throttled() {
        return Ok(later(&checked));
    }
    let charts = (0..report.charts).filter_map(|number| draw(tab.nested(), number, report.broken).ok());
    let charts: Vec<String> = charts.collect();
    if report.jams {
        return Err(StatusCode::INTERNAL_SERVER_ERROR); // nothing was charged
    }
    let units = tab.charged();
    // One decision on both throttles, as they share a backend.
    let decision = tab.commit().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    if decision.is_throttled() {
        return Ok(later(&decision));
    }
    Ok(Json(json!({ "charts": charts, "units": units, "left": decision.remaining() })).into_response())
}

/// As an attribute says it, but for the fields about limits.
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
