//! The key of messages is determined once per connection.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::ws::Message;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use throttle::ws::{Peer, Socket};
use throttle::{Identity, ManualClock, Registry, Settings, throttle_message};

use crate::common::registry_at;
use crate::served::{Client, Heard, notice, route, serve};

static ASKED: AtomicUsize = AtomicUsize::new(0);

async fn user(headers: HeaderMap) -> Result<Identity, StatusCode> {
    ASKED.fetch_add(1, Ordering::SeqCst);
    match headers.get("x-user").and_then(|user| user.to_str().ok()) {
        Some("root") => Ok(Identity::Exempt),
        Some(user) => Ok(user.into()),
        None => Err(StatusCode::UNAUTHORIZED),
    }
}

#[throttle_message(uid = "b101:first", rate = "3/min", key = user)]
#[throttle_message(uid = "b101:second", rate = "100/min", key = user)]
async fn by_user(socket: &mut Socket, text: &str) {
    let _ = socket.send(Message::text(text)).await;
}

#[tokio::test]
async fn b101_a_key_function_runs_once_per_connection() {
    let address =
        serve(Router::new().route("/", route!(by_user)), &registry_at(&ManualClock::new()).await).await;
    let mut ann = Client::open_as(address, "/", &[("x-user", "ann")]).await;
    for text in ["1", "2", "3"] {
        assert_eq!(ann.ask(text).await, text);
    }
    assert_eq!(ann.ask("4").await, notice(60));
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    let mut again = Client::open_as(address, "/", &[("x-user", "ann")]).await;
    assert_eq!(again.ask("5").await, notice(60), "the same budget on every connection");
    let mut root = Client::open_as(address, "/", &[("x-user", "root")]).await;
    for text in ["1", "2", "3", "4", "5"] {
        assert_eq!(root.ask(text).await, text);
    }
    assert_eq!(ASKED.load(Ordering::SeqCst), 3, "once per connection, exempt ones too");
    let mut nobody = Client::open(address, "/").await;
    nobody.say("1").await;
    assert_eq!(nobody.hear().await, Heard::Closed(1008, "refused".into()));
}

/// The type of a closure with captures does not distinguish it from other such closures.
fn settings(asked: std::sync::Arc<AtomicUsize>) -> Settings {
    Settings::new().rate("2/min").key(move || {
        asked.fetch_add(1, Ordering::SeqCst);
        async { "all" }
    })
}

#[tokio::test]
async fn b101_a_key_is_asked_once_per_connection_and_throttle_also_by_hand() {
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let registry: Registry = registry_at(&ManualClock::new()).await;
    let throttles = ["one", "two"]
        .map(|uid| registry.create(uid, settings(std::sync::Arc::clone(&asked))).expect("a throttle"));
    let connect = move |upgrade: axum::extract::ws::WebSocketUpgrade, caller: Peer| async move {
        upgrade.on_upgrade(async move |socket| {
            let mut socket = caller.socket(socket);
            while let Some(Ok(message)) = socket.recv().await {
                for throttle in &throttles {
                    let identity = socket.peer_mut().identity(throttle).await.expect("an identity");
                    assert_eq!(identity, "all".into());
                }
                let mut pass = true;
                for throttle in &throttles {
                    pass &= socket.hit(throttle).await.expect("a decision").is_allowed();
                }
                if pass {
                    let _ = socket.send(message).await;
                }
            }
        })
    };
    let address = serve(Router::new().route("/", any(connect)), &registry).await;
    let mut client = Client::open(address, "/").await;
    assert_eq!(client.ask("1").await, "1");
    assert_eq!(client.ask("2").await, "2");
    assert_eq!(client.ask("3").await, notice(60));
    assert_eq!(client.hear().await, Heard::Text(notice(60)));
    assert_eq!(asked.load(Ordering::SeqCst), 2, "once for each throttle");
}

/// Not [`user`], whose calls another test counts.
async fn named(headers: HeaderMap) -> String {
    headers.get("x-user").and_then(|user| user.to_str().ok()).unwrap_or_default().to_owned()
}

#[throttle_message(uid = "b106:key", rate = "1/min", key = named)]
async fn keyed(socket: &mut Socket, text: &str) {
    let _ = socket.send(Message::text(text)).await;
}

/// The identity that a connection remembers depends on the key function in effect.
#[tokio::test]
async fn b106_a_key_that_is_updated_holds_on_open_connections() {
    async fn everybody() -> &'static str {
        "everybody"
    }
    let registry = registry_at(&ManualClock::new()).await;
    let address = serve(Router::new().route("/", route!(keyed)), &registry).await;
    let mut ann = Client::open_as(address, "/", &[("x-user", "ann")]).await;
    assert_eq!(ann.ask("1").await, "1");
    assert_eq!(ann.ask("2").await, notice(60));
    registry.update("b106:key", Settings::new().key(everybody)).expect("it works");
    assert_eq!(ann.ask("3").await, "3", "everybody has used nothing");
    let mut bob = Client::open_as(address, "/", &[("x-user", "bob")]).await;
    assert_eq!(bob.ask("4").await, notice(60), "everybody has used all");
}
