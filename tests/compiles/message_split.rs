use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use throttle::Throttle;
use throttle::ws::{Peer, notice};

async fn connect(
    upgrade: WebSocketUpgrade,
    mut caller: Peer,
    throttle: axum::Extension<Throttle>,
) -> Response {
    upgrade.on_upgrade(async move |socket| {
        let (mut sender, mut receiver) = socket.split();
        let (outbox, mut messages) = tokio::sync::mpsc::channel::<Message>(16);
        tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                if sender.send(message).await.is_err() {
                    break;
                }
            }
        });
        while let Some(Ok(message)) = receiver.next().await {
            let Ok(decision) = caller.hit(&throttle).await else { break };
            let answer = if decision.is_allowed() { message } else { notice(decision.retry_after()) };
            if outbox.send(answer).await.is_err() {
                break;
            }
        }
    })
}

#[test]
fn compiles() {
    let _: axum::Router = axum::Router::new().route("/", axum::routing::any(connect));
}
