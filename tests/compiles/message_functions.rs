#![forbid(unsafe_code)]
#![deny(warnings)]

use std::ops::ControlFlow;

use axum::extract::ws::Message;
use throttle::ws::{Peer, Socket};
use throttle::{ThrottleError, Throttled, throttle_message};

#[throttle_message(rate = "60/min")]
async fn generic<S: Send + Sync + 'static, T: AsRef<str>>(socket: &mut Socket<S>, text: T) {
    let _ = socket.send(Message::text(text.as_ref())).await;
}

#[throttle_message(rate = "60/min")]
async fn unused(socket: &mut Socket) {}

#[throttle_message(rate = "60/min", key = "{client}/{room}")]
async fn by_client(socket: &mut Socket, room: &str) {
    let _ = socket.send(Message::text(room)).await;
}

#[throttle_message(rate = "60/min", handler = flow)]
async fn flowing(socket: &mut Socket, message: Message) -> ControlFlow<u8> {
    if socket.send(message).await.is_err() {
        return ControlFlow::Break(1);
    }
    ControlFlow::Continue(())
}

async fn flow(_: Throttled, socket: &mut Socket) -> ControlFlow<u8> {
    socket.close(1008, "Slow down").await;
    ControlFlow::Break(2)
}

struct Game {
    score: u64,
}

impl Game {
    #[throttle_message(rate = "5/s", key = "{player}/{self.score}", handler = Self::cheat)]
    async fn play(&mut self, socket: &mut Socket, player: &str) -> Result<Option<u64>, ThrottleError> {
        let _ = socket.recv().await;
        self.score += player.len() as u64;
        Ok(Some(self.score))
    }

    async fn cheat(throttled: Throttled, _: &mut Socket) -> Result<(), Throttled> {
        Err(throttled)
    }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

async fn all(mut socket: Socket, mut game: Game) -> Result<(), ThrottleError> {
    generic(&mut socket, "text").await;
    unused(&mut socket).await;
    by_client(&mut socket, "lobby").await;
    let _ = flowing(&mut socket, Message::text("text")).await;
    game.play(&mut socket, "ann").await.map(drop)
}

#[test]
fn compiles() {
    let connect = |upgrade: axum::extract::ws::WebSocketUpgrade, caller: Peer| async move {
        upgrade.on_upgrade(async move |socket| {
            let _ = is_send(all(caller.socket(socket), Game { score: 0 })).await;
        })
    };
    let _: axum::Router = axum::Router::new().route("/", axum::routing::any(connect));
}
