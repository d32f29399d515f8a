//! The services without a limiter, with attributes, and with `ThrottleLayer`.

use axum::Router;
use axum::extract::Path;
use axum::extract::ws::{Message, Utf8Bytes, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use throttle::ws::{Peer, Socket};
use throttle::{Headers, Settings, ThrottleLayer, throttle, throttle_message};

const HELLO: &str = "Hello, World!";

/// A limit that is never reached.
const HIGH: &str = "1000000000/min";

pub(super) fn app(name: &str) -> Option<Router> {
    let settings = || Settings::new().rate(HIGH);
    let root = |handler| Router::new().route("/", handler);
    let order = |handler| Router::new().route("/orders/{order}", handler);
    let messages = |handler| Router::new().route("/messages", handler);
    let layered = |settings: Settings| root(get(hello)).layer(ThrottleLayer::new([("api", settings)]));
    Some(match name {
        "bare" | "bare-api-key" => root(get(hello)),
        "bare-path" => order(get(hello_order)),
        "bare-message" => messages(get(echo)),
        "quiet" => root(get(quiet)),
        "headers" => root(get(headers)),
        "denied" => root(get(denied)),
        "twice" => root(get(twice)),
        "header-key" => root(get(header_key)),
        "template-key" => order(get(template_key)),
        "concurrent" => root(get(concurrent)),
        "message" => messages(get(limited_echo)),
        "our-layer-quiet" => layered(settings().headers(Headers::OFF)),
        "our-layer-headers" => layered(settings()),
        "our-layer-denied" => layered(Settings::new().rate("1/day")),
        _ => return None,
    })
}

pub(super) async fn hello() -> &'static str {
    HELLO
}

async fn hello_order(Path(_): Path<u64>) -> &'static str {
    HELLO
}

#[throttle(rate = "1000000000/min", headers = "off")]
async fn quiet() -> &'static str {
    HELLO
}

#[throttle(rate = "1000000000/min")]
async fn headers() -> &'static str {
    HELLO
}

#[throttle(rate = "1/day")]
async fn denied() -> &'static str {
    HELLO
}

#[throttle(uid = "minutes", rate = "1000000000/min")]
#[throttle(uid = "hours", rate = "1000000000/hour")]
async fn twice() -> &'static str {
    HELLO
}

#[throttle(rate = "1000000000/min", key = header("x-api-key"))]
async fn header_key() -> &'static str {
    HELLO
}

#[throttle(rate = "1000000000/min", key = "{order}")]
async fn template_key(Path(order): Path<u64>) -> &'static str {
    HELLO
}

#[throttle(rate = "1000000000/min", max_concurrent = 10)]
async fn concurrent() -> &'static str {
    HELLO
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if let Message::Text(text) = message {
                // The next message fails if this one does.
                let _ = socket.send(Message::Text(text)).await;
            }
        }
    })
}

async fn limited_echo(upgrade: WebSocketUpgrade, peer: Peer) -> Response {
    upgrade.on_upgrade(|socket| async move {
        let mut socket = peer.socket(socket);
        while let Some(Ok(message)) = socket.recv().await {
            if let Message::Text(text) = message {
                say(&mut socket, text).await;
            }
        }
    })
}

#[throttle_message(rate = "1000000000/min")]
async fn say(socket: &mut Socket, text: Utf8Bytes) {
    // The next message fails if this one does.
    let _ = socket.send(Message::Text(text)).await;
}
