//! Messages when the backend fails, or when no decision is possible.

use axum::Router;
use axum::extract::ws::Message;
use throttle::ws::Socket;
use throttle::{ErrorKind, Registry, ThrottleError, registry, throttle_message};

use crate::common::Broken;
use crate::served::{Client, Heard, notice, route, serve};

async fn send(socket: &mut Socket, text: &str) {
    let _ = socket.send(Message::text(text)).await;
}

#[throttle_message(rate = "1/min", backend = "broken")]
async fn by_default(socket: &mut Socket, text: &str) {
    send(socket, text).await;
}

#[throttle_message(rate = "1/min", backend = "broken", on_error = "allow")]
async fn open(socket: &mut Socket, text: &str) {
    send(socket, text).await;
}

#[throttle_message(rate = "1/min", backend = "broken", on_error = "raise")]
async fn raising(socket: &mut Socket, text: &str) {
    send(socket, text).await;
}

#[throttle_message(rate = "1/min", backend = "broken", on_error = "raise")]
async fn fallible(socket: &mut Socket, text: &str) -> Result<(), ThrottleError> {
    send(socket, text).await;
    Ok(())
}

async fn told(socket: &mut Socket, text: &str) {
    match fallible(socket, text).await {
        Err(ThrottleError::Failed(error)) if error.kind() == ErrorKind::Connection => {
            send(socket, "failed").await;
        }
        other => panic!("{other:?}"),
    }
}

#[throttle_message(rate = "1/min", backend = "nowhere")]
async fn misconfigured(socket: &mut Socket, text: &str) -> Result<(), ThrottleError> {
    send(socket, text).await;
    Ok(())
}

async fn missing(socket: &mut Socket, text: &str) {
    let refused = misconfigured(socket, text).await;
    assert!(matches!(refused, Err(ThrottleError::Misconfigured(_))), "{refused:?}");
    send(socket, "misconfigured").await;
}

#[tokio::test]
async fn b033_b034_messages_go_by_the_policy_for_failures() {
    let registry = registry().backend("broken", Broken::default()).backend("nowhere", Broken::default());
    let address = serve(
        Router::new()
            .route("/default", route!(by_default))
            .route("/open", route!(open))
            .route("/raising", route!(raising))
            .route("/told", route!(told)),
        &registry.build().await.expect("a registry"),
    )
    .await;
    assert_eq!(Client::open(address, "/default").await.ask("hello").await, notice(1));
    assert_eq!(Client::open(address, "/open").await.ask("hello").await, "hello");
    assert_eq!(Client::open(address, "/told").await.ask("hello").await, "failed");
    let mut client = Client::open(address, "/raising").await;
    client.say("hello").await;
    assert_eq!(client.hear().await, Heard::Closed(1011, "the rate limiter failed".into()));
}

#[tokio::test]
async fn a_message_without_a_working_throttle_does_not_pass() {
    let registry = Registry::default();
    let address = serve(Router::new().route("/", route!(missing)), &registry).await;
    assert_eq!(Client::open(address, "/").await.ask("hello").await, "misconfigured");
}
