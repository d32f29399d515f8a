//! A return type with `impl Trait` infers the body as without the attribute.

#![deny(warnings)]

use std::convert::Infallible;
use std::fmt::Display;
use std::ops::Deref;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use axum::routing::{MethodRouter, get};
use futures_util::stream::{self, Stream, StreamExt};
use throttle::{ThrottleError, throttle, throttle_fn};

/// axum's own example of server-sent events.
#[throttle(rate = "100/min")]
async fn sse() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let stream = stream::repeat_with(|| Event::default().data("hi!")).map(Ok);
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(1)).text("keep-alive-text"))
}

/// A body that any iterator of chunks makes.
struct Chunks<I>(I);

impl<I: Iterator<Item = Result<String, E>>, E> IntoResponse for Chunks<I> {
    fn into_response(self) -> Response {
        self.0.flatten().collect::<String>().into_response()
    }
}

#[throttle(rate = "100/min")]
async fn in_a_result()
-> Result<Chunks<impl Iterator<Item = Result<String, std::io::Error>> + Send>, StatusCode> {
    let name = std::env::args().next().ok_or(StatusCode::NOT_FOUND)?;
    Ok(Chunks([name].into_iter().map(Ok)))
}

#[throttle(rate = "100/min")]
async fn in_a_tuple() -> (StatusCode, Chunks<impl Iterator<Item = Result<String, Infallible>>>) {
    (StatusCode::OK, Chunks(std::iter::once("a".parse())))
}

#[throttle(rate = "100/min")]
async fn generic<T>() -> Sse<impl Stream<Item = Result<Event, T>>>
where
    T: std::error::Error + Send + Sync + Default + 'static,
{
    Sse::new(stream::iter([Ok(Event::default())]))
}

#[throttle(rate = "100/min")]
async fn bound_to_a_lifetime() -> Sse<impl Stream<Item = Result<Event, Infallible>> + Send + use<>> {
    Sse::new(stream::empty().map(Ok::<Event, _>))
}

struct Called<F>(F);

impl<T: Display, F: FnOnce(&str, u8) -> T> IntoResponse for Called<F> {
    fn into_response(self) -> Response {
        self.0("a", 1).to_string().into_response()
    }
}

#[throttle(rate = "100/min")]
async fn closure() -> Called<impl FnOnce(&str, u8) -> String> {
    Called(|text: &str, number| text.repeat(usize::from(number)))
}

#[throttle(rate = "100/min")]
async fn higher_ranked() -> Called<impl for<'a> FnOnce(&'a str, u8) -> usize> {
    Called(|text: &str, _| text.len())
}

struct Nested<I>(I);

impl<I: Iterator<Item: Display>> IntoResponse for Nested<I> {
    fn into_response(self) -> Response {
        self.0.map(|item| item.to_string()).collect::<String>().into_response()
    }
}

#[throttle(rate = "100/min")]
async fn nested() -> Nested<impl Iterator<Item = impl Display>> {
    Nested(["1"].into_iter().map(|number| number.parse::<f64>().unwrap_or_default()))
}

#[throttle(rate = "100/min")]
async fn bounded() -> Nested<impl Iterator<Item: Display>> {
    Nested([1, 2].into_iter())
}

struct Text<D>(D);

impl<D: Deref<Target = str>> IntoResponse for Text<D> {
    fn into_response(self) -> Response {
        self.0.to_owned().into_response()
    }
}

#[throttle(rate = "100/min")]
async fn unsized_target() -> Text<impl Deref<Target = str> + AsRef<str> + AsRef<[u8]>> {
    Text("a".to_owned())
}

#[throttle(rate = "100/min")]
async fn of_a_trait_object() -> Nested<Box<dyn Iterator<Item = impl Display>>> {
    Nested(Box::new(["a"].into_iter()))
}

#[throttle(rate = "100/min")]
async fn plain() -> impl IntoResponse {
    if std::env::args().count() > 99 {
        return Body::empty();
    }
    Body::from("ok")
}

struct Feed<T>(T);

impl<T: std::error::Error + Send + Sync + 'static> Feed<T> {
    /// The types of an `impl` block cannot be named by a function in a function.
    #[throttle(rate = "100/min")]
    async fn events() -> Sse<impl Stream<Item = Result<Event, T>>> {
        Sse::new(stream::empty().map(Ok::<Event, _>))
    }

    #[throttle(rate = "100/min")]
    async fn own() -> Nested<impl Iterator<Item = <Self as Named>::Name>> {
        Nested(std::iter::empty())
    }

    #[throttle_fn(rate = "5/s")]
    async fn stream(&self) -> Result<impl Stream<Item = Result<u8, T>> + use<T>, ThrottleError> {
        Ok(stream::iter([1]).map(Ok))
    }
}

trait Named {
    type Name: Display;
}

impl<T> Named for Feed<T> {
    type Name = String;
}

#[throttle_fn(rate = "5/s")]
async fn numbers(limit: u8) -> Result<impl Stream<Item = Result<u8, Infallible>>, ThrottleError> {
    Ok(stream::iter(0..limit).map(Ok))
}

#[throttle_fn(rate = "5/s")]
async fn later() -> Result<impl Future<Output = Result<u8, Infallible>>, ThrottleError> {
    Ok(async { Ok(1) })
}

#[throttle_fn(rate = "5/s")]
async fn shown(first: bool) -> Result<(impl Display, Vec<impl Display>), ThrottleError> {
    if first {
        return Ok((1, vec!["a"]));
    }
    Ok((2, vec!["b"]))
}

#[test]
fn compiles() {
    let _: [MethodRouter; 13] = [
        get(sse),
        get(in_a_result),
        get(in_a_tuple),
        get(generic::<std::fmt::Error>),
        get(bound_to_a_lifetime),
        get(closure),
        get(higher_ranked),
        get(nested),
        get(bounded),
        get(unsized_target),
        get(plain),
        get(Feed::<std::io::Error>::events),
        get(Feed::<std::io::Error>::own),
    ];
    let _ = (numbers(3), later(), shown(true), of_a_trait_object, Feed(std::fmt::Error).stream());
}
