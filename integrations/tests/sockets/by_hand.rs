//! Decisions about messages by a throttle that the program created.

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use throttle::ws::{Peer, notice as message};
use throttle::{DecisionReason, Hit, Identity, ManualClock, Registry, Settings, Throttle};

use crate::common::registry_at;
use crate::served::{Client, notice, serve};

async fn open(
    clock: &ManualClock,
    settings: Settings,
    connect: axum::routing::MethodRouter<Throttle>,
) -> (Client, Registry) {
    let registry = registry_at(clock).await;
    let throttle = registry.create("messages", settings).expect("a throttle");
    let address = serve(Router::new().route("/", connect).with_state(throttle), &registry).await;
    (Client::open(address, "/").await, registry)
}

async fn notifying(State(messages): State<Throttle>, upgrade: WebSocketUpgrade, caller: Peer) -> Response {
    upgrade.on_upgrade(async move |socket| {
        let mut socket = caller.socket(socket);
        while let Some(Ok(message)) = socket.recv().await {
            if socket.hit(&messages).await.expect("a decision").is_throttled() {
                continue;
            }
            let _ = socket.send(message).await;
        }
    })
}

#[tokio::test]
async fn b027_s02_a_denied_hit_sends_the_notice_and_says_so() {
    let clock = ManualClock::new();
    let (mut client, registry) = open(&clock, Settings::new().rate("1/min"), any(notifying)).await;
    assert_eq!(client.ask("one").await, "one");
    assert_eq!(client.ask("two").await, notice(60));
    let counts = registry.get("messages").expect("a throttle").counts();
    assert_eq!((counts.allowed, counts.denied), (1, 1));
    assert!(registry.disable("messages"));
    assert_eq!(client.ask("free").await, "free");
    assert!(registry.enable("messages"));
    clock.advance(crate::common::seconds(60));
    assert_eq!(client.ask("three").await, "three");
}

async fn degrading(State(messages): State<Throttle>, upgrade: WebSocketUpgrade, caller: Peer) -> Response {
    upgrade.on_upgrade(async move |socket| {
        let (mut socket, mut caller) = caller.socket(socket).into_parts();
        while let Some(Ok(Message::Text(text))) = socket.recv().await {
            let decision = caller.hit(&messages).await.expect("a decision");
            let text = match (decision.reason(), decision.retry_after()) {
                (DecisionReason::Exempt, _) => "exempt".to_owned(),
                (_, Some(wait)) => format!("less, for {wait:?}"),
                (_, None) => text.to_string(),
            };
            let _ = socket.send(Message::text(text)).await;
        }
    })
}

#[tokio::test]
async fn b032_a_decision_without_a_notice_tells_the_truth() {
    let settings = Settings::new().rate("1/min");
    let (mut client, _) = open(&ManualClock::new(), settings, any(degrading)).await;
    assert_eq!(client.ask("all").await, "all");
    assert_eq!(client.ask("all").await, "less, for 60s");
    let settings = Settings::new().rate("1/min").key(async || Identity::Exempt);
    let (mut client, _) = open(&ManualClock::new(), settings, any(degrading)).await;
    assert_eq!(client.ask("all").await, "exempt");
}

async fn by_size(State(bytes): State<Throttle>, upgrade: WebSocketUpgrade, mut caller: Peer) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        while let Some(Ok(Message::Text(text))) = socket.recv().await {
            let Ok(Identity::Key(key)) = caller.identity(&bytes).await else { continue };
            let decision = bytes.hit(Hit::new(key).cost(text.len() as u64)).await.expect("a decision");
            let answer =
                if decision.is_allowed() { Message::Text(text) } else { message(decision.retry_after()) };
            let _ = socket.send(answer).await;
        }
    })
}

#[tokio::test]
async fn a_message_may_cost_its_size() {
    let (mut client, _) = open(&ManualClock::new(), Settings::new().rate("10/min"), any(by_size)).await;
    assert_eq!(client.ask("12345678").await, "12345678");
    assert_eq!(client.ask("123").await, notice(60));
    assert_eq!(client.ask("12").await, "12");
    assert_eq!(client.ask("more than ten").await, notice(0).replace('0', "null"));
}
