//! A WebSocket connection with its caller.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use axum::Error;
use axum::body::to_bytes;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, close_code};
use axum::response::Response;
use tokio::time::timeout;

use super::notice::{close, notice};
use super::{NoState, Peer};
use crate::decision::Decision;
use crate::edge::axum::shaped;
use crate::error::BackendError;
use crate::pipeline::throttled::Throttled;
use crate::throttle::Throttle;

/// An open connection: axum's `WebSocket`, to which it derefs, with the [`Peer`] at its other end.
///
/// `S` is the state that plug-in functions see: see [`Peer`].
///
/// ```
/// use axum::extract::ws::WebSocketUpgrade;
/// use axum::response::Response;
/// use throttle::ws::{Peer, Socket};
///
/// async fn echo(mut socket: Socket) {
///     while let Some(Ok(message)) = socket.recv().await {
///         let _ = socket.send(message).await;
///     }
/// }
///
/// async fn connect(upgrade: WebSocketUpgrade, caller: Peer) -> Response {
///     upgrade.on_upgrade(async move |socket| echo(caller.socket(socket)).await)
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::any(connect));
/// ```
pub struct Socket<S = NoState> {
    inner: WebSocket,
    caller: Peer<S>,
    /// How many more messages are discarded, if the connection was closed from here.
    closing: Option<u32>,
}

/// How many messages are discarded after a connection was closed. More messages are a flood.
const UNDER_WAY: u32 = 1024;

/// How long a client may take to confirm that the connection is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// The longest body of a handler's response that is sent as a message, in bytes.
const LONGEST_TEXT: usize = 64 * 1024;

impl<S> Peer<S> {
    /// Combines the connection with its caller.
    pub const fn socket(self, socket: WebSocket) -> Socket<S> {
        Socket::new(socket, self)
    }
}

impl<S> Socket<S> {
    const fn new(socket: WebSocket, caller: Peer<S>) -> Self {
        Self { inner: socket, caller, closing: None }
    }

    /// Returns the caller at the other end.
    pub const fn peer(&self) -> &Peer<S> {
        &self.caller
    }

    /// Returns the caller at the other end, to decide without sending a notice.
    pub const fn peer_mut(&mut self) -> &mut Peer<S> {
        &mut self.caller
    }

    /// Splits the connection from its caller, for programs that read and write in different tasks. The task
    /// that reads decides with [`Peer::hit`], and passes a [`notice`](super::notice) to the other task.
    pub fn into_parts(self) -> (WebSocket, Peer<S>) {
        (self.inner, self.caller)
    }

    /// Receives the next message. Returns `None` if the connection has ended, or if it was
    /// [closed](Self::close) from here. In that case, up to 1024 messages are discarded until the client
    /// confirms.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection is broken.
    pub async fn recv(&mut self) -> Option<Result<Message, Error>> {
        let Some(left) = &mut self.closing else { return self.inner.recv().await };
        // If a connection ends while messages are unread, it is reset, and the client may not see the reason.
        while *left > 0 {
            *left -= 1;
            if !matches!(self.inner.recv().await, Some(Ok(_))) {
                *left = 0;
            }
        }
        None
    }

    /// Sends a [`notice`](super::notice) with this wait. `None` means that no wait helps. A disconnected
    /// client is not an error: the next [`recv`](Self::recv) reports it.
    ///
    /// Like every send, the call waits until the client has room for the message. A client that floods and
    /// does not read is therefore not read from either.
    pub async fn notify(&mut self, retry_after: Option<Duration>) {
        self.tell(notice(retry_after)).await;
    }

    /// Closes the connection with a code and a reason, of which the first 123 bytes are sent. The code for
    /// clients that sent too much is [`close_code::POLICY`](axum::extract::ws::close_code::POLICY), 1008.
    ///
    /// ```
    /// use axum::extract::ws::close_code;
    /// use throttle::{Throttled, ws::Socket};
    ///
    /// async fn strict(throttled: Throttled, socket: &mut Socket) {
    ///     let seconds = throttled.retry_after_seconds().unwrap_or(60);
    ///     socket.close(close_code::POLICY, &format!("Rate limit exceeded. Retry after {seconds}s.")).await;
    /// }
    /// # let _ = strict;
    /// ```
    ///
    /// No message is received after that: [`recv`](Self::recv) returns `None` as soon as the client confirms.
    /// A disconnected client is not an error.
    pub async fn close(&mut self, code: u16, reason: &str) {
        self.tell(close(code, reason)).await;
        self.closing.get_or_insert(UNDER_WAY);
    }

    /// Closes the connection of a client that may not continue, unless it is closed already. Waits up to one
    /// second until the client confirms: if a connection ends while messages are unread, it is reset, and the
    /// client may not see the reason.
    pub(super) async fn end(&mut self, reason: &str) {
        if self.closing.is_none() {
            self.close(close_code::POLICY, reason).await;
        }
        let _ = timeout(FAREWELL, self.recv()).await;
    }

    async fn tell(&mut self, message: Message) {
        if let Err(error) = self.inner.send(message).await {
            tracing::debug!(target: "throttle", %error, "the client disconnected before it received the notice");
        }
    }
}

impl<S: Send + Sync + 'static> Socket<S> {
    /// Decides one message by a throttle, and charges it if it fits. If it does not fit, the client receives
    /// a [`notice`](super::notice) and the connection stays open. A disconnected client is not an error.
    ///
    /// ```
    /// use throttle::{BackendError, Throttle, ws::Socket};
    ///
    /// async fn chat(mut socket: Socket, messages: &Throttle) -> Result<(), BackendError> {
    ///     while let Some(Ok(message)) = socket.recv().await {
    ///         if socket.hit(messages).await?.is_throttled() {
    ///             continue;
    ///         }
    ///         let _ = socket.send(message).await;
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = chat;
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Peer::hit`].
    pub async fn hit(&mut self, throttle: &Throttle) -> Result<Decision, BackendError> {
        let decision = self.caller.hit(throttle).await?;
        if decision.is_throttled() {
            let throttled = Throttled::by(throttle, decision.clone(), self.caller.head());
            self.deny(throttled).await;
        }
        Ok(decision)
    }

    /// Tells the client of a denial: with the text of the response of the throttle's `handler`, if the
    /// registry has set one, and otherwise with a notice.
    pub(super) async fn deny(&mut self, throttled: Throttled) {
        let wait = throttled.retry_after();
        let message = match throttled.handler() {
            Some(handler) => {
                let (mut context, ..) = self.caller.split();
                text(shaped(throttled, handler, &mut context).await).await
            }
            None => None,
        };
        self.tell(message.unwrap_or_else(|| notice(wait))).await;
    }
}

/// Returns the body of a response as a message, if it is text.
async fn text(response: Response) -> Option<Message> {
    let bytes = to_bytes(response.into_body(), LONGEST_TEXT).await.ok()?;
    let text = Utf8Bytes::try_from(bytes).ok()?;
    (!text.is_empty()).then_some(Message::Text(text))
}

impl<S> Deref for Socket<S> {
    type Target = WebSocket;

    fn deref(&self) -> &WebSocket {
        &self.inner
    }
}

impl<S> DerefMut for Socket<S> {
    fn deref_mut(&mut self) -> &mut WebSocket {
        &mut self.inner
    }
}

impl<S> fmt::Debug for Socket<S> {
    /// Writes no client data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}
