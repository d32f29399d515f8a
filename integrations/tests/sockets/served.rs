//! A service on a real port, and a client of its WebSockets.

use std::net::SocketAddr;
use std::time::Duration;

use axum::{Extension, Router};
use futures_util::{SinkExt, StreamExt};
use throttle::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, http};
use tokio_tungstenite::{WebSocketStream, client_async};

/// Routes whose connections call a function for each message: `route!(on_message)` until the client
/// disconnects, `route!(on_message; ends)` until the function returns an error.
macro_rules! route {
    ($on_message:path $(, $caller:ty)?) => {
        route!(@ $on_message, |_outcome| false, ($($caller)?))
    };
    ($on_message:path; ends) => {
        route!(@ $on_message, |outcome: Result<(), _>| outcome.is_err(), ())
    };
    (@ $on_message:path, $ends:expr, ()) => {
        route!(@ $on_message, $ends, (throttle::ws::Peer))
    };
    (@ $on_message:path, $ends:expr, ($caller:ty)) => {
        axum::routing::any(|upgrade: axum::extract::ws::WebSocketUpgrade, caller: $caller| async move {
            upgrade.on_upgrade(async move |socket| {
                let mut socket = caller.socket(socket);
                while let Some(Ok(axum::extract::ws::Message::Text(text))) = socket.recv().await {
                    let ends = $ends;
                    if ends($on_message(&mut socket, text.as_str()).await) {
                        break;
                    }
                }
            })
        })
    };
}
pub(crate) use route;

/// Serves a router that uses that registry.
pub(crate) async fn serve(router: Router, registry: &Registry) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = router.layer(Extension(registry.clone()));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Client(WebSocketStream<TcpStream>);

/// A frame that a client receives from the service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Text(String),
    Closed(u16, String),
    /// The connection ended without a close frame.
    Gone,
}

impl Client {
    /// Opens a connection, or returns the response to a handshake that failed.
    pub(crate) async fn try_open(
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Box<Response<Option<Vec<u8>>>>> {
        let mut request = format!("ws://{address}{path}").into_client_request().expect("a request");
        for (name, value) in headers {
            let value = http::HeaderValue::from_str(value).expect("a value");
            request.headers_mut().insert(*name, value);
        }
        let stream = TcpStream::connect(address).await.expect("it listens");
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response),
            Err(other) => panic!("{other}"),
        }
    }

    pub(crate) async fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_as(address, path, &[]).await
    }

    pub(crate) async fn open_as(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Self {
        Self::try_open(address, path, headers).await.expect("a connection")
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("it is sent");
    }

    pub(crate) async fn hear(&mut self) -> Heard {
        let heard = tokio::time::timeout(Duration::from_secs(20), self.0.next()).await.expect("an answer");
        match heard {
            Some(Ok(Message::Text(text))) => Heard::Text(text.to_string()),
            Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                Heard::Closed(code.into(), reason.to_string())
            }
            Some(Ok(other)) => panic!("{other:?}"),
            Some(Err(_)) | None => Heard::Gone,
        }
    }

    /// Sends a text, and returns the text that answers it.
    pub(crate) async fn ask(&mut self, text: &str) -> String {
        self.say(text).await;
        match self.hear().await {
            Heard::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// Disconnects immediately and without a close frame: the connection is reset.
    #[expect(deprecated, reason = "it waits for nobody, as the time is zero")]
    pub(crate) fn vanish(self) {
        self.0.get_ref().set_linger(Some(Duration::ZERO)).expect("an open connection");
    }
}

/// The default notice.
pub(crate) fn notice(retry_after: u64) -> String {
    format!("{{\"type\":\"rate_limit\",\"error\":\"Too many messages\",\"retry_after\":{retry_after}}}")
}
