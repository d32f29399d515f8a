//! Custom handlers: stories 5, 6 and 7.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, close_code};
use axum::routing::any;
use serde_json::{Value, json};
use throttle::ws::{Peer, Socket};
use throttle::{ManualClock, Settings, ThrottleError, Throttled, throttle_message};
use tokio::sync::mpsc;

use crate::common::{declared_at, registry_at};
use crate::served::{Client, Heard, route, serve};

async fn notify(throttled: Throttled, socket: &mut Socket) {
    let agent = socket.peer().head().headers.get("x-agent").map(|agent| agent.to_str().expect("text"));
    let body = json!({
        "type": "rate_limit",
        "error": "message_rate_exceeded",
        "retry_after": throttled.retry_after_seconds(),
        "throttle": throttled.uid(),
        "limit": throttled.limits()[0].rate().limit(),
        "agent": agent,
    });
    let _ = socket.send(Message::text(body.to_string())).await;
}

#[throttle_message(uid = "chat:message", rate = "1/min", handler = notify)]
async fn notified(socket: &mut Socket, text: &str) {
    let _ = socket.send(Message::text(text)).await;
}

#[tokio::test]
async fn b024_s05_a_handler_sends_json_of_its_own_and_keeps_the_socket_open() {
    let clock = ManualClock::new();
    let address = serve(Router::new().route("/", route!(notified)), &registry_at(&clock).await).await;
    let mut client = Client::open_as(address, "/", &[("x-agent", "test")]).await;
    assert_eq!(client.ask("one").await, "one");
    let expected = json!({
        "type": "rate_limit", "error": "message_rate_exceeded", "retry_after": 60,
        "throttle": "chat:message", "limit": 1, "agent": "test",
    });
    for _ in 0..2 {
        let told: Value = serde_json::from_str(&client.ask("two").await).expect("JSON");
        assert_eq!(told, expected, "and nothing else was sent");
    }
    clock.advance(crate::common::seconds(60));
    assert_eq!(client.ask("three").await, "three");
}

async fn strict(throttled: Throttled, _: &mut Socket) -> Result<(), Throttled> {
    Err(throttled)
}

#[derive(Debug)]
enum ChatError {
    Later(u64),
    Failed,
}

impl From<Throttled> for ChatError {
    fn from(throttled: Throttled) -> Self {
        Self::Later(throttled.retry_after_seconds().unwrap_or(u64::MAX))
    }
}

impl From<ThrottleError> for ChatError {
    fn from(_: ThrottleError) -> Self {
        Self::Failed
    }
}

#[throttle_message(rate = "1/min", handler = strict)]
async fn strictly(socket: &mut Socket, text: &str) -> Result<(), ChatError> {
    let _ = socket.send(Message::text(text)).await;
    Ok(())
}

#[tokio::test]
async fn s06_an_error_of_the_handler_ends_the_connection() {
    let (told, mut ends) = mpsc::unbounded_channel();
    let connect = move |upgrade: axum::extract::ws::WebSocketUpgrade, caller: Peer| {
        let told = told.clone();
        async move {
            upgrade.on_upgrade(async move |socket| {
                let mut socket = caller.socket(socket);
                while let Some(Ok(Message::Text(text))) = socket.recv().await {
                    if let Err(error) = strictly(&mut socket, &text).await {
                        told.send(error).expect("a test");
                        break;
                    }
                }
            })
        }
    };
    let address =
        serve(Router::new().route("/", any(connect)), &registry_at(&ManualClock::new()).await).await;
    let mut client = Client::open(address, "/").await;
    assert_eq!(client.ask("one").await, "one");
    client.say("two").await;
    assert_eq!(client.hear().await, Heard::Closed(1008, "rate limit exceeded".into()));
    assert_eq!(client.hear().await, Heard::Gone);
    assert!(matches!(end(&mut ends).await, Some(ChatError::Later(60))));
}

/// Returns the value that a connection sends when it ends, if it does.
async fn end<T>(ends: &mut mpsc::UnboundedReceiver<T>) -> Option<T> {
    tokio::time::timeout(Duration::from_secs(20), ends.recv()).await.expect("an end")
}

static SEEN: AtomicUsize = AtomicUsize::new(0);

async fn close(throttled: Throttled, socket: &mut Socket) {
    let seconds = throttled.retry_after_seconds().unwrap_or_default();
    socket.close(close_code::POLICY, &format!("Rate limit exceeded. Retry after {seconds}s.")).await;
}

#[throttle_message(rate = "1/min", key = global, handler = close)]
async fn closing(socket: &mut Socket, text: &str) {
    let _ = socket.send(Message::text(text)).await;
}

async fn counted(socket: &mut Socket, text: &str) {
    SEEN.fetch_add(1, Ordering::SeqCst);
    closing(socket, text).await;
}

#[tokio::test]
async fn b029_s07_a_handler_closes_with_1008_and_a_reason_and_nothing_is_handled_after_that() {
    let address =
        serve(Router::new().route("/", route!(counted)), &registry_at(&ManualClock::new()).await).await;
    let mut client = Client::open(address, "/").await;
    assert_eq!(client.ask("one").await, "one");
    for text in ["two", "three", "four"] {
        client.say(text).await;
    }
    assert_eq!(client.hear().await, Heard::Closed(1008, "Rate limit exceeded. Retry after 60s.".into()));
    assert_eq!(client.hear().await, Heard::Gone);
    assert_eq!(SEEN.load(Ordering::SeqCst), 2, "what was on the way is thrown away");
}

async fn first(_: Throttled, socket: &mut Socket) {
    let _ = socket.send(Message::text("first")).await;
}

async fn third(throttled: Throttled, socket: &mut Socket) -> Result<(), ThrottleError> {
    let _ = socket.send(Message::text(throttled.uid())).await;
    Ok(())
}

#[throttle_message(uid = "first", rate = "3/min", handler = first)]
#[throttle_message(uid = "second", rate = "2/min", key = global)]
#[throttle_message(uid = "third", rate = "1/min", key = "{text}", handler = third)]
async fn several(socket: &mut Socket, text: &str) -> Result<(), ThrottleError> {
    let _ = socket.send(Message::text("ok")).await;
    Ok(())
}

#[tokio::test]
async fn of_several_attributes_the_one_that_denied_has_the_word() {
    let address =
        serve(Router::new().route("/", route!(several)), &registry_at(&ManualClock::new()).await).await;
    let mut client = Client::open(address, "/").await;
    assert_eq!(client.ask("a").await, "ok");
    assert_eq!(client.ask("a").await, "third");
    assert_eq!(client.ask("b").await, "ok");
    assert_eq!(client.ask("c").await, crate::served::notice(60), "the second has no handler");
}

#[tokio::test]
async fn b030_a_peer_that_is_gone_is_no_error() {
    let (told, mut ends) = mpsc::unbounded_channel();
    let gone = Arc::new(tokio::sync::Notify::new());
    let until = Arc::clone(&gone);
    let connect = move |upgrade: axum::extract::ws::WebSocketUpgrade, caller: Peer| async move {
        upgrade.on_upgrade(async move |socket| {
            let mut socket = caller.socket(socket);
            let _ = socket.recv().await;
            until.notified().await;
            for _ in 0..3 {
                quiet(&mut socket, "hello").await;
                closing(&mut socket, "hello").await;
            }
            let refused = socket.send(Message::text("anybody?")).await.is_err();
            let ended = !matches!(socket.recv().await, Some(Ok(_)));
            let _ = told.send((refused, ended));
        })
    };
    let registry = registry_at(&ManualClock::new()).await;
    let address = serve(Router::new().route("/", any(connect)), &registry).await;
    let mut client = Client::open(address, "/").await;
    client.say("hello").await;
    client.vanish();
    gone.notify_one();
    assert_eq!(end(&mut ends).await, Some((true, true)), "it was gone, and `recv` says so");
    assert_eq!(registry.get("quiet").expect("a throttle").counts().denied, 2);
}

#[throttle_message(uid = "quiet", rate = "1/min")]
async fn quiet(socket: &mut Socket, _text: &str) {}

async fn breaks(throttled: Throttled, socket: &mut Socket) -> ControlFlow<Option<u64>> {
    if throttled.uid() == "own-words" {
        socket.close(4_000, "in the handler's own words").await;
    }
    ControlFlow::Break(throttled.retry_after_seconds())
}

#[throttle_message(uid = "breaks", rate = "1/min", handler = breaks)]
async fn breaking(socket: &mut Socket, text: &str) -> ControlFlow<Option<u64>> {
    let _ = socket.send(Message::text(text)).await;
    ControlFlow::Continue(())
}

#[throttle_message(uid = "own-words", rate = "1/min", handler = breaks)]
async fn in_own_words(socket: &mut Socket, text: &str) -> ControlFlow<Option<u64>> {
    let _ = socket.send(Message::text(text)).await;
    ControlFlow::Continue(())
}

#[tokio::test]
async fn f46_whatever_ends_the_connection_closes_it_once() {
    macro_rules! until_break {
        ($on_message:ident) => {
            any(|upgrade: axum::extract::ws::WebSocketUpgrade, caller: Peer| async move {
                upgrade.on_upgrade(async move |socket| {
                    let mut socket = caller.socket(socket);
                    while let Some(Ok(Message::Text(text))) = socket.recv().await {
                        if $on_message(&mut socket, &text).await.is_break() {
                            break;
                        }
                    }
                })
            })
        };
    }
    let router = Router::new().route("/", until_break!(breaking)).route("/own", until_break!(in_own_words));
    let address = serve(router, &registry_at(&ManualClock::new()).await).await;
    for (path, code, reason) in
        [("/", 1008, "rate limit exceeded"), ("/own", 4_000, "in the handler's own words")]
    {
        let mut client = Client::open(address, path).await;
        assert_eq!(client.ask("one").await, "one");
        // Several messages are on their way when the connection ends.
        for text in ["two", "three", "four"] {
            client.say(text).await;
        }
        assert_eq!(client.hear().await, Heard::Closed(code, reason.into()));
        assert_eq!(client.hear().await, Heard::Gone);
    }
}

async fn nobody() -> Result<throttle::Key, axum::http::StatusCode> {
    Err(axum::http::StatusCode::UNAUTHORIZED)
}

#[throttle_message(uid = "rejected", rate = "1/min", key = nobody)]
async fn rejected(socket: &mut Socket, text: &str) -> Result<(), ThrottleError> {
    let _ = socket.send(Message::text(text)).await;
    Ok(())
}

/// A loop that ends with `?` sends no close frame of its own.
#[tokio::test]
async fn f46_a_message_that_a_function_refuses_closes_the_connection() {
    let until_error = any(|upgrade: axum::extract::ws::WebSocketUpgrade, caller: Peer| async move {
        upgrade.on_upgrade(async move |socket| {
            let mut socket = caller.socket(socket);
            while let Some(Ok(Message::Text(text))) = socket.recv().await {
                if rejected(&mut socket, &text).await.is_err() {
                    break;
                }
            }
        })
    });
    let address = serve(Router::new().route("/", until_error), &registry_at(&ManualClock::new()).await).await;
    let mut client = Client::open(address, "/").await;
    client.say("one").await;
    client.say("two").await;
    assert_eq!(client.hear().await, Heard::Closed(1008, "refused".into()));
    assert_eq!(client.hear().await, Heard::Gone);
}

/// The default handler of a whole program.
async fn app_wide(throttled: Throttled, uri: axum::http::Uri) -> axum::Json<Value> {
    axum::Json(json!({ "error": throttled.message(), "uid": throttled.uid(), "at": uri.path() }))
}

#[throttle_message(uid = "app:message", rate = "1/min")]
async fn plainly(socket: &mut Socket, text: &str) {
    let _ = socket.send(Message::text(text)).await;
}

async fn by_hand(socket: &mut Socket, text: &str) {
    let throttle = socket.peer().registry().get("app:by-hand").expect("a throttle");
    if socket.hit(&throttle).await.is_ok_and(|decision| decision.is_allowed()) {
        let _ = socket.send(Message::text(text)).await;
    }
}

#[tokio::test]
async fn f45_the_handler_of_the_program_reaches_messages() {
    let clock = ManualClock::new();
    let defaults = Settings::new().handler(app_wide);
    let registry = declared_at(&clock).defaults(defaults).build().await.expect("a registry");
    registry.create("app:by-hand", Settings::new().rate("1/min")).expect("a throttle");
    let router = Router::new()
        .route("/chat", route!(plainly))
        .route("/own", route!(notified))
        .route("/by-hand", route!(by_hand));
    let address = serve(router, &registry).await;
    for (path, uid) in [("/chat", "app:message"), ("/by-hand", "app:by-hand")] {
        let mut client = Client::open(address, path).await;
        assert_eq!(client.ask("one").await, "one");
        let told: Value = serde_json::from_str(&client.ask("two").await).expect("JSON");
        let sentence = "Too many requests. Retry in 60 seconds.";
        assert_eq!(
            told,
            json!({ "error": sentence, "uid": uid, "at": path }),
            "and the connection stays open"
        );
        clock.advance(crate::common::seconds(60));
        assert_eq!(client.ask("three").await, "three");
    }
    // A handler of the function itself takes precedence.
    let mut client = Client::open(address, "/own").await;
    client.ask("one").await;
    let told: Value = serde_json::from_str(&client.ask("two").await).expect("JSON");
    assert_eq!(told["type"], "rate_limit");
}
