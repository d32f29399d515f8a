//! Limits on the request that opens a connection.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::{any, get};
use throttle::ws::{Peer, Socket};
use throttle::{ManualClock, throttle, throttle_message};

use crate::common::{registry_at, seconds};
use crate::served::{Client, Heard, notice, serve};

static UPGRADED: AtomicUsize = AtomicUsize::new(0);

#[throttle(rate = "2/min")]
async fn connect(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket| {
        UPGRADED.fetch_add(1, Ordering::SeqCst);
        let _ = socket.send(Message::text("welcome")).await;
    })
}

#[tokio::test]
async fn b028_s02_a_handshake_over_the_limit_is_answered_by_429_and_not_upgraded() {
    let clock = ManualClock::new();
    let address = serve(Router::new().route("/", any(connect)), &registry_at(&clock).await).await;
    for _ in 0..2 {
        assert_eq!(Client::open(address, "/").await.hear().await, Heard::Text("welcome".into()));
    }
    let denied = Client::try_open(address, "/", &[]).await.expect_err("a denial");
    assert_eq!(denied.status(), 429);
    assert_eq!(denied.headers()["retry-after"], "60");
    assert!(!denied.headers().contains_key("upgrade"), "{denied:?}");
    assert_eq!(UPGRADED.load(Ordering::SeqCst), 2);
    clock.advance(seconds(60));
    assert_eq!(Client::open(address, "/").await.hear().await, Heard::Text("welcome".into()));
}

#[throttle(uid = "budget", rate = "4/min", key = header("x-user"))]
async fn page() -> &'static str {
    "page"
}

#[throttle(uid = "budget", rate = "4/min", key = header("x-user"))]
async fn chat(upgrade: WebSocketUpgrade, caller: Peer) -> Response {
    upgrade.on_upgrade(async move |socket| {
        let mut socket = caller.socket(socket);
        while let Some(Ok(message)) = socket.recv().await {
            echo(&mut socket, message).await;
        }
    })
}

#[throttle_message(uid = "budget", rate = "4/min", key = header("x-user"))]
async fn echo(socket: &mut Socket, message: Message) {
    let _ = socket.send(message).await;
}

/// Requests a page by plain HTTP, as that user.
async fn status(address: std::net::SocketAddr, user: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET /page HTTP/1.1\r\nhost: x\r\nx-user: {user}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer.split(' ').nth(1).expect("a status").to_owned()
}

#[tokio::test]
async fn one_budget_covers_requests_handshakes_and_messages() {
    let router = Router::new().route("/page", get(page)).route("/chat", any(chat));
    let registry = registry_at(&ManualClock::new()).await;
    let address = serve(router, &registry).await;
    let ann = &[("x-user", "ann")];
    assert_eq!(status(address, "ann").await, "200");
    let mut client = Client::open_as(address, "/chat", ann).await;
    assert_eq!(client.ask("third").await, "third");
    assert_eq!(status(address, "ann").await, "200");
    assert_eq!(client.ask("fifth").await, notice(60));
    assert_eq!(status(address, "ann").await, "429");
    assert_eq!(Client::try_open(address, "/chat", ann).await.expect_err("a denial").status(), 429);
    assert_eq!(status(address, "bob").await, "200", "of his own budget");
    let counts = registry.get("budget").expect("one throttle").counts();
    assert_eq!((counts.allowed, counts.denied), (5, 3));
}

#[tokio::test]
async fn f16_a_message_is_charged_also_if_a_layer_has_charged_its_handshake() {
    let app = Router::new().route("/page", get(page)).route("/", any(chat));
    let registry = registry_at(&ManualClock::new()).await;
    let own = app.clone();
    let address = serve(own, &registry).await;
    assert_eq!(status(address, "ann").await, "200");
    let behind = serve(app.layer(throttle::ThrottleLayer::new(["budget"])), &registry).await;
    // One unit for the handshake, and one for each message.
    let mut client = Client::try_open(behind, "/", &[("x-user", "ann")]).await.expect("it is admitted");
    for _ in 0..2 {
        client.say("hello").await;
        assert_eq!(client.hear().await, Heard::Text("hello".into()));
    }
    client.say("hello").await;
    assert!(matches!(client.hear().await, Heard::Text(text) if text.contains("rate_limit")));
}
