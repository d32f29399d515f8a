//! One limit for handshakes and messages.

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use throttle::ws::{Peer, Socket};
use throttle::{ManualClock, StaticThrottle, throttle, throttle_message};

use crate::common::registry_at;
use crate::served::{Client, notice, serve};

#[throttle(uid = "budget", rate = "4/min")]
static BUDGET: StaticThrottle;

#[throttle(BUDGET)]
async fn connect(upgrade: WebSocketUpgrade, caller: Peer) -> Response {
    upgrade.on_upgrade(async move |socket| {
        let mut socket = caller.socket(socket);
        while let Some(Ok(Message::Text(text))) = socket.recv().await {
            if text == "left" {
                left(&mut socket).await;
            } else {
                on_message(&mut socket, &text).await;
            }
        }
    })
}

#[throttle_message(BUDGET)]
async fn on_message(socket: &mut Socket, text: &str) {
    let _ = socket.send(Message::text(text)).await;
}

/// A message that calls `hit` in its code, in a task that has its registry only from the handshake.
async fn left(socket: &mut Socket) {
    let budget = BUDGET.throttle_in(socket.peer().registry()).expect("a throttle");
    let decision = socket.peer_mut().hit(&budget).await.expect("a decision");
    let _ = socket.send(Message::text(format!("{:?}", decision.remaining()))).await;
}

#[tokio::test]
async fn one_budget_covers_a_connection_and_its_messages() {
    let clock = ManualClock::new();
    let address = serve(Router::new().route("/", any(connect)), &registry_at(&clock).await).await;
    let mut client = Client::open(address, "/").await;
    assert_eq!(client.ask("one").await, "one");
    assert_eq!(client.ask("left").await, "Some(1)");
    assert_eq!(client.ask("two").await, "two");
    assert_eq!(client.ask("three").await, notice(60));
    let refused = Client::try_open(address, "/", &[]).await.expect_err("nothing is left");
    assert_eq!(refused.status(), 429);
}
