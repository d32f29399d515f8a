//! The caller at the other end of a connection.

use std::convert::Infallible;
use std::fmt;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;

use crate::config::resolver::RequestContext;
use crate::decision::Decision;
use crate::error::{BackendError, ErrorKind};
use crate::http::ClientIp;
use crate::key::Identity;
use crate::pipeline::decide::decide_message;
use crate::pipeline::key_cache::KeyCache;
use crate::pipeline::once_per_request::Reached;
use crate::pipeline::prepare::Stop;
use crate::registry::Registry;
use crate::throttle::Throttle;

/// The caller at the other end of a connection: an extractor for the handler that upgrades. It never rejects.
///
/// It stores what decisions about messages need: the request parts of the handshake, the active registry, and
/// the caller's identity, which is resolved once per connection and throttle.
///
/// `S` is the state that plug-in functions see, as in `Peer<App>`: the router's state, or a part of it.
///
/// ```
/// use axum::extract::ws::WebSocketUpgrade;
/// use axum::response::Response;
/// use throttle::ws::Peer;
///
/// async fn connect(upgrade: WebSocketUpgrade, caller: Peer) -> Response {
///     upgrade.on_upgrade(async move |socket| {
///         let mut socket = caller.socket(socket);
///         let _ = socket.recv().await;
///     })
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::any(connect));
/// ```
pub struct Peer<S = NoState> {
    head: Parts,
    state: S,
    registry: Registry,
    known: KeyCache,
}

/// The default state of a [`Peer`] and of a [`Socket`](super::Socket): plug-in functions see no state.
///
/// ```
/// use throttle::ws::{NoState, Peer};
///
/// /// `Peer` and `Peer<NoState>` are one type.
/// fn same(caller: Peer) -> Peer<NoState> {
///     caller
/// }
/// # let _ = same;
/// ```
// Not `Clone`: axum implements `FromRef` of a type from itself for every `Clone` type, and this type is made
// from any state.
#[derive(Debug)]
pub struct NoState;

#[diagnostic::do_not_recommend]
impl<S> FromRef<S> for NoState {
    fn from_ref(_: &S) -> Self {
        Self
    }
}

#[diagnostic::do_not_recommend]
impl<R: Sync, S: FromRef<R>> FromRequestParts<R> for Peer<S> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &R) -> Result<Self, Infallible> {
        // Messages are handled in a task of their own, where the registry of the request is unknown.
        let registry = parts.extensions.get::<Registry>().cloned().unwrap_or_else(Registry::current);
        let (state, mut head) = (S::from_ref(state), parts.clone());
        // For the extractors of plug-in functions.
        head.extensions.insert(registry.clone());
        // A message is not part of the request that opened the connection.
        Reached::forget(&mut head.extensions);
        Ok(Self { head, state, registry, known: KeyCache::of_connection() })
    }
}

impl<S> Peer<S> {
    /// Returns the request parts of the handshake.
    pub const fn head(&self) -> &Parts {
        &self.head
    }

    /// Returns the registry that was active for the handshake, and is used for the messages.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns the address of the client that sent the handshake.
    pub fn client_ip(&self) -> ClientIp {
        self.registry.client_ip(&self.head)
    }
}

impl<S: Send + Sync + 'static> Peer<S> {
    /// Decides one message by a throttle, and charges it if it fits. Nothing is sent: the program answers the
    /// message itself. [`Socket::hit`](super::Socket::hit) also sends a notice.
    ///
    /// The settings of the throttle are evaluated with the request parts of the handshake. The identity is
    /// resolved once.
    ///
    /// ```
    /// use throttle::ws::Peer;
    /// use throttle::{BackendError, Throttle};
    ///
    /// /// How many of the results this message is answered with.
    /// async fn results(caller: &mut Peer, searches: &Throttle) -> Result<usize, BackendError> {
    ///     Ok(if caller.hit(searches).await?.is_allowed() { 50 } else { 5 })
    /// }
    /// # let _ = results;
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the backend fails and `on_error` propagates its error, or if a plug-in function
    /// answers the message itself.
    pub async fn hit(&mut self, throttle: &Throttle) -> Result<Decision, BackendError> {
        let (mut context, known, _) = self.split();
        decide_message(throttle, known, &mut context).await.map_err(refused)
    }

    /// Returns the identity of this caller for a throttle, for a [`Hit`](crate::Hit) with another cost, such
    /// as the size of a message.
    ///
    /// ```
    /// use throttle::ws::Socket;
    /// use throttle::{BackendError, Hit, Identity, Throttle};
    ///
    /// async fn fits(socket: &mut Socket, bytes: &Throttle, text: &str) -> Result<bool, BackendError> {
    ///     let Identity::Key(key) = socket.peer_mut().identity(bytes).await? else { return Ok(true) };
    ///     let decision = bytes.hit(Hit::new(key).cost(text.len() as u64)).await?;
    ///     if decision.is_throttled() {
    ///         socket.notify(decision.retry_after()).await;
    ///     }
    ///     Ok(decision.is_allowed())
    /// }
    /// # let _ = fits;
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the function that is the throttle's key answers the message itself.
    pub async fn identity(&mut self, throttle: &Throttle) -> Result<Identity, BackendError> {
        let (mut context, known, _) = self.split();
        let identity = known.identity(throttle, &throttle.policy(), &mut context).await;
        identity.map_err(|response| refused(Stop::Answered(response)))
    }

    /// Returns the parts that a decision needs.
    pub(super) fn split(&mut self) -> (RequestContext<'_>, &mut KeyCache, &Registry) {
        let Self { head, state, registry, known } = self;
        (
            RequestContext { parts: head, state, lookup: &registry.environment().lookup, is_request: true },
            known,
            registry,
        )
    }
}

impl<S> fmt::Debug for Peer<S> {
    /// Writes no client data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peer")
    }
}

/// Returns the error for a rejection that cannot be answered with a response.
pub(super) fn refused(stop: Stop) -> BackendError {
    match stop {
        Stop::Failed(error) => error,
        Stop::Forbidden(_) => BackendError::new(ErrorKind::Plugin, "the client is on a `deny` list"),
        Stop::Answered(response) => {
            let status = response.status();
            BackendError::new(
                ErrorKind::Plugin,
                format!("a function of the throttle rejected the message with the status {status}"),
            )
        }
    }
}
