//! Logins: five wrong passwords per account and address in a quarter of an hour. The right one costs nothing, and however
//! many guesses come at once, no sixth is tried.
//!
//! `cargo run --example login_guard`, then follow the lines that it prints. `PORT` picks another port.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::{StatusCode, request::Parts, response};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::post};
use serde::Deserialize;
use throttle::{outcome, throttle};

#[derive(Deserialize)]
struct Login {
    account: String,
    password: String,
}

/// The client's address, for the key. Behind a proxy it is the `ip` of the attribute below that knows whom to believe.
struct Peer {
    ip: IpAddr,
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self { ip: peer.map_or(IpAddr::from([0; 4]), |ConnectInfo(peer)| peer.ip()) })
    }
}

/// In the extensions of a response: the account was closed, so no password would have been right.
#[derive(Clone)]
struct Closed;

/// What an address may try on all accounts together: a status does not say enough, so the handler says the rest.
fn is_guess(response: &response::Parts) -> bool {
    outcome::unauthorized(response) && response.extensions.get::<Closed>().is_none()
}

/// The account is in the body, so the key is made of the handler's arguments. Both charges are made before a password is
/// looked at, and given back if there was nothing wrong with it.
#[throttle(uid = "login", rate = "5/15min", key = "{peer.ip}/{login.account}", charge_when = outcome::unauthorized)]
#[throttle(uid = "login:address", rate = "20/hour", charge_when = is_guess)]
async fn login(peer: Peer, Json(login): Json<Login>) -> Response {
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
