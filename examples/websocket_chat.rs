//! A chat with limits on handshakes and messages: a client that writes too much receives a notice, and stays
//! connected.
//!
//! Run it with `cargo run --example websocket_chat --features ws`. The environment variable `PORT` sets
//! another port than 3000. Connect with a client such as `websocat ws://127.0.0.1:3000/chat`.
//!
//! - more than 3 lines in two seconds: `{"type":"rate_limit","error":"Too many messages","retry_after":2}`
//! - more than 20 lines in a minute: the connection is closed with code 1008
//! - more than 10 handshakes in a minute: status 429

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocketUpgrade, close_code};
use axum::response::Response;
use axum::routing::any;
use throttle::ws::{Peer, Socket};
use throttle::{Throttled, throttle, throttle_message};
use tokio::sync::broadcast;

/// Broadcasts the messages of the room.
type Room = broadcast::Sender<String>;

/// Opens a connection. Above the limit, the handshake receives status 429.
#[throttle(uid = "chat:connect", rate = "10/min")]
async fn connect(State(room): State<Room>, upgrade: WebSocketUpgrade, caller: Peer) -> Response {
    upgrade.on_upgrade(async move |socket| chat(caller.socket(socket), room).await)
}

async fn chat(mut socket: Socket, room: Room) {
    let mut others = room.subscribe();
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => on_message(&mut socket, &room, &text).await,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
            Ok(text) = others.recv() => {
                let _ = socket.send(Message::text(text)).await;
            }
        }
    }
}

/// Counts all messages, including those that `say` denies. Above the limit, the connection is closed.
#[throttle_message(uid = "chat:flood", rate = "20/min", handler = close)]
async fn on_message(socket: &mut Socket, room: &Room, text: &str) {
    say(socket, room, text).await;
}

/// Sends a message to the room. Above the limit, the room does not receive it, and its sender receives a
/// notice with the wait.
#[throttle_message(uid = "chat:say", rate = "3/2s")]
async fn say(socket: &mut Socket, room: &Room, text: &str) {
    // An error means that the room has no receivers.
    let _ = room.send(text.to_owned());
}

async fn close(throttled: Throttled, socket: &mut Socket) {
    let seconds = throttled.retry_after_seconds().unwrap_or_default();
    socket.close(close_code::POLICY, &format!("Rate limit exceeded. Retry after {seconds}s.")).await;
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new().route("/chat", any(connect)).with_state(Room::new(64));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("serving http://{address}/chat");
    println!("try: websocat ws://{address}/chat, and write more than three lines in two seconds");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
