//! Login protection: five wrong passwords per account and address in 15 minutes. A right password costs
//! nothing, and concurrent guesses cannot exceed the limit.
//!
//! Run it with `cargo run --example login_guard`. The environment variable `PORT` sets another port than
//! 3000.
//!
//! ```text
//! $ curl -i --json '{"account":"ann","password":"1234"}' http://127.0.0.1:3000/login
//! HTTP/1.1 401 Unauthorized
//! $ curl -i --json '{"account":"ann","password":"open sesame"}' http://127.0.0.1:3000/login
//! HTTP/1.1 200 OK
//! ```
//!
//! The sixth wrong password receives `429 Too Many Requests`. From then on, the right password receives 429
//! as well.

use std::net::SocketAddr;

use axum::http::{StatusCode, response};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::post};
use serde::{Deserialize, Deserializer};
use throttle::{outcome, throttle};

#[derive(Deserialize)]
struct Login {
    #[serde(deserialize_with = "folded")]
    account: String,
    password: String,
}

/// Account names ignore case, so `Ann` and `ann` share a bucket.
fn folded<'de, D: Deserializer<'de>>(account: D) -> Result<String, D::Error> {
    String::deserialize(account).map(|account| account.trim().to_lowercase())
}

/// Response extension for a closed account: the password made no difference.
#[derive(Clone)]
struct Closed;

/// Decides which responses are charged to the address, over all accounts. The status alone is not enough, so
/// the handler adds the extension [`Closed`].
fn is_guess(response: &response::Parts) -> bool {
    outcome::unauthorized(response) && response.extensions.get::<Closed>().is_none()
}

/// Checks a password. The account is in the body, so the key is made of the handler's arguments. `{client}`
/// is the address of the client, also behind a proxy that the registry trusts. An attacker therefore locks an
/// account for their own address only. Both limits are charged before the password is checked, and refunded
/// if it is right.
#[throttle(uid = "login", rate = "5/15min", key = "{client}/{login.account}", charge_when = outcome::unauthorized)]
#[throttle(uid = "login:address", rate = "20/hour", charge_when = is_guess)]
async fn login(Json(login): Json<Login>) -> Response {
    match (login.account.as_str(), login.password.as_str()) {
        ("bob", _) => {
            (StatusCode::FORBIDDEN, axum::Extension(Closed), "this account is closed\n").into_response()
        }
        (_, "open sesame") => "welcome\n".into_response(),
        _ => (StatusCode::UNAUTHORIZED, "wrong account or password\n").into_response(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new().route("/login", post(login));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    let guess = r#"curl -i --json '{"account":"ann","password":"1234"}'"#;
    let right = r#"curl -i --json '{"account":"ann","password":"open sesame"}'"#;
    println!("try: {guess} http://{address}/login    (six times)");
    println!("     {right} http://{address}/login    (before that as often as you like)");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
