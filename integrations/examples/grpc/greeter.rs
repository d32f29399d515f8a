//! A gRPC service and its client, written by hand. The messages are plain text, so that no code has to be
//! generated.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::uri::PathAndQuery;
use axum::http::{Request, Response};
use bytes::{Buf, BufMut};
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::NamedService;
use tonic::transport::Channel;
use tower::Service;

const GREET: &str = "/greeting.Greeter/Greet";

/// Replies with a greeting to the name in the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "greeting.Greeter";
}

impl Service<Request<Body>> for Greeter {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let greet = tower::service_fn(async |request: tonic::Request<String>| {
            Ok::<_, Status>(tonic::Response::new(format!("hello {}", request.into_inner())))
        });
        Box::pin(async move {
            Ok(match request.uri().path() {
                GREET => tonic::server::Grpc::new(Text).unary(greet, request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

/// Calls a [`Greeter`].
pub(crate) async fn greet(channel: &Channel, name: &str) -> Result<tonic::Response<String>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    client.unary(tonic::Request::new(name.to_owned()), PathAndQuery::from_static(GREET), Text).await
}

/// A codec for messages that are plain text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, bytes: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let text = bytes.copy_to_bytes(bytes.remaining());
        String::from_utf8(text.into()).map(Some).map_err(|_| Status::invalid_argument("not a text"))
    }
}
