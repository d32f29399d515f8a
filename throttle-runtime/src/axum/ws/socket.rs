//! A connection and who is at its other end.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use axum::Error;
use axum::body::to_bytes;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, close_code};
use axum::response::Response;
use tokio::time::timeout;

use super::notice::{close, notice};
use super::{Caller, NoState};
use crate::axum::shaped;
use crate::{BackendError, Decision, Throttle, Throttled};

/// An open connection: axum's `WebSocket`, which it derefs to, and who is at its other end.
///
/// `S` is the state that functions see which are settings: see [`Caller`].
pub struct Socket<S = NoState> {
    inner: WebSocket,
    caller: Caller<S>,
    /// How many messages are still thrown away, if it was closed from here.
    closing: Option<u32>,
}

/// How many messages may be on the way when a connection is closed. Those that follow make it a flood.
const UNDER_WAY: u32 = 1024;

/// How long a client has to agree that the connection is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// The longest body of a handler's response that is sent as a message, in bytes.
const LONGEST_TEXT: usize = 64 * 1024;

impl<S> Socket<S> {
    pub(super) const fn new(socket: WebSocket, caller: Caller<S>) -> Self {
        Self { inner: socket, caller, closing: None }
    }

    /// Who is at the other end.
    pub const fn caller(&self) -> &Caller<S> {
        &self.caller
    }

    /// Who is at the other end, to decide something without a notice.
    pub const fn caller_mut(&mut self) -> &mut Caller<S> {
        &mut self.caller
    }

    /// The connection and who is at its other end, for those who read and write in different tasks: the one that reads
    /// decides with [`Caller::hit`], and hands a [`notice`](super::notice) to the other.
    pub fn into_parts(self) -> (WebSocket, Caller<S>) {
        (self.inner, self.caller)
    }

    /// The next message. `None` if the connection has ended, or if it was [closed](Self::close) from here: what was on
    /// the way then is thrown away until the client agrees.
    ///
    /// # Errors
    ///
    /// If the connection is broken.
    pub async fn recv(&mut self) -> Option<Result<Message, Error>> {
        let Some(left) = &mut self.closing else { return self.inner.recv().await };
        // A connection that ends while messages are unread is reset, and the client may not see why.
        while *left > 0 {
            *left -= 1;
            if !matches!(self.inner.recv().await, Some(Ok(_))) {
                *left = 0;
            }
        }
        None
    }

    /// Sends a [`notice`](super::notice) of that wait; `None` says that no wait helps. A client that is gone is no
    /// error: the next [`recv`](Self::recv) says so.
    ///
    /// It waits as every message does until the client has room for it, so who floods and does not read is not read
    /// either.
    pub async fn notify(&mut self, retry_after: Option<Duration>) {
        self.tell(notice(retry_after)).await;
    }

    /// Closes the connection with a code and a reason, of which the first 123 bytes are sent. For those who sent too
    /// much it is [`close_code::POLICY`](axum::extract::ws::close_code::POLICY), 1008.
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
    /// No message is received after that: [`recv`](Self::recv) returns `None` as soon as the client agrees. A client
    /// that is gone is no error.
    pub async fn close(&mut self, code: u16, reason: &str) {
        self.tell(close(code, reason)).await;
        self.closing.get_or_insert(UNDER_WAY);
    }

    /// Closes the connection of a client that may not go on, unless it is closed already, and waits up to a second until
    /// the client agrees: a connection that ends while messages are unread is reset, and the client may not see why.
    pub(super) async fn end(&mut self, reason: &str) {
        if self.closing.is_none() {
            self.close(close_code::POLICY, reason).await;
        }
        let _ = timeout(FAREWELL, self.recv()).await;
    }

    async fn tell(&mut self, message: Message) {
        if let Err(error) = self.inner.send(message).await {
            tracing::debug!(target: "throttle", %error, "a client is gone before it was told of its limit");
        }
    }
}

impl<S: Send + Sync + 'static> Socket<S> {
    /// Decides one message by a throttle, and charges it if it fits; if not, the client is sent a
    /// [`notice`](super::notice) and the connection stays open. A client that is gone is no error.
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
    /// Those of [`Caller::hit`].
    pub async fn hit(&mut self, throttle: &Throttle) -> Result<Decision, BackendError> {
        let decision = self.caller.hit(throttle).await?;
        if decision.is_throttled() {
            let throttled = Throttled::by(throttle, decision.clone(), self.caller.head());
            self.deny(throttled).await;
        }
        Ok(decision)
    }

    /// Tells the client of a denial: the text of the response of the throttle's `handler`, if the registry has given it
    /// one, and otherwise a notice.
    pub(super) async fn deny(&mut self, throttled: Throttled) {
        let wait = throttled.retry_after();
        let message = match throttled.handler() {
            Some(handler) => {
                let (mut head, ..) = self.caller.split();
                text(shaped(throttled, handler, &mut head).await).await
            }
            None => None,
        };
        self.tell(message.unwrap_or_else(|| notice(wait))).await;
    }
}

/// The body of a response as a message, if it is text.
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
    /// Names nobody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}
