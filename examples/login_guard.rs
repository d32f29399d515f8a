//! Logins: five wrong passwords per account and address in a quarter of an hour. The right one costs nothing, and however
//! many guesses come at once, no sixth is tried.
//!
//! `cargo run --example login_guard`, then follow the lines that it prints. `PORT` picks another port.

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

/// Accounts have no case here, so `Ann` and `ann` share a bucket.
fn folded<'de, D: Deserializer<'de>>(account: D) -> Result<String, D::Error> {
    String::deserialize(account).map(|account| account.trim().to_lowercase())
}

/// In the extensions of a response: the account was closed, so no password would have been right.
#[derive(Clone)]
struct Closed;

/// What an address may try on all accounts together: a status does not say enough, so the handler says the rest.
fn is_guess(response: &response::Parts) -> bool {
    outcome::unauthorized(response) && response.extensions.get::<Closed>().is_none()
}

/// The account is in the body, so the key is made of the handler's arguments. `{client}` is the address of the client, also
/// behind a proxy that the registry declares: an attacker locks an account for its own address only. Both charges are made
/// before the password is checked, and refunded if it was right.
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
