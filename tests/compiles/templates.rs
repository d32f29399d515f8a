use axum::extract::{Path, Query};
use axum::{Json, Router, routing::post};
use serde::Deserialize;
use throttle::{ThrottleError, throttle, throttle_fn};

#[derive(Deserialize)]
struct User {
    name: String,
    address: Address,
}

#[derive(Deserialize)]
struct Address {
    city: String,
}

struct Pair(u64, (u64, u64));

#[throttle(rate = "100/min", key = "{org}/{user.name}/{ user.address.city }")]
async fn by_field(Path(org): Path<String>, Json(user): Json<User>) -> String {
    org + &user.name
}

#[throttle(rate = "100/min", key = "{name}-{city}")]
async fn by_pattern(Query(User { name, address: Address { city } }): Query<User>) -> String {
    name + &city
}

#[throttle(rate = "100/min", key = "{r#type} {{braces}}")]
async fn raw_name(Path(r#type): Path<String>) -> String {
    r#type
}

#[throttle_fn(rate = "5/s", key = "{pair.0}:{pair.1.1}")]
async fn by_index(pair: &Pair) -> Result<u64, ThrottleError> {
    Ok(pair.0 + pair.1.0)
}

#[throttle_fn(rate = "5/s", key = "{to}, {body}")]
async fn by_reference(to: &str, mut body: String) -> Result<String, ThrottleError> {
    body.push_str(to);
    Ok(body)
}

#[test]
fn compiles() {
    let router = Router::new().route("/a/{org}", post(by_field)).route("/b", post(by_pattern));
    let _: Router = router.route("/c/{type}", post(raw_name));
    drop((by_index(&Pair(1, (2, 3))), by_reference("a", String::new())));
}
