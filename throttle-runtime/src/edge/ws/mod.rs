//! Limits on the messages of WebSockets.
//!
//! A handshake is a request like any other: `#[throttle]` on the handler that upgrades answers with status
//! 429, and the connection is not upgraded. To limit messages, the handler also takes a [`Peer`], which
//! makes a [`Socket`] of axum's `WebSocket`. The attribute `#[throttle_message]` goes on the function that
//! handles one message.
//!
//! ```
//! use axum::extract::ws::{Message, WebSocketUpgrade};
//! use axum::response::Response;
//! use throttle::ws::{Peer, Socket};
//! use throttle::{throttle, throttle_message};
//!
//! #[throttle(rate = "10/min")]
//! async fn connect(upgrade: WebSocketUpgrade, caller: Peer) -> Response {
//!     upgrade.on_upgrade(async move |socket| {
//!         let mut socket = caller.socket(socket);
//!         while let Some(Ok(message)) = socket.recv().await {
//!             on_message(&mut socket, message).await;
//!         }
//!     })
//! }
//!
//! #[throttle_message(rate = "60/min")]
//! async fn on_message(socket: &mut Socket, message: Message) {
//!     if let Message::Text(text) = message {
//!         let _ = socket.send(Message::Text(text)).await;
//!     }
//! }
//! # let _: axum::Router = axum::Router::new().route("/", axum::routing::any(connect));
//! ```
//!
//! A message above the limit does not reach the function's body. The client receives a [`notice`], and the
//! connection stays open.

mod connection;
mod decide;
mod notice;
mod returned;
mod socket;

pub use connection::{NoState, Peer};
#[doc(hidden)]
pub use decide::Denial;
#[doc(hidden)]
pub use decide::decide;
#[doc(hidden)]
pub use decide::handled;
#[doc(hidden)]
pub use decide::same;
pub use notice::notice;
pub use returned::{Handled, Returned};
pub use socket::Socket;
