//! `#[throttle_message]`: denials, the notice to the client, and the return values of functions.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::Message;
use throttle::ws::{Peer, Socket};
use throttle::{ManualClock, Rate, ThrottleError, throttle_message};

use crate::common::registry_at;
use crate::served::{Client, Heard, notice, route, serve};

static ECHOED: AtomicUsize = AtomicUsize::new(0);

#[throttle_message(rate = "2/min")]
async fn echo(socket: &mut Socket, text: &str) {
    ECHOED.fetch_add(1, Ordering::SeqCst);
    let _ = socket.send(Message::text(text)).await;
}

#[tokio::test]
async fn b027_s02_a_message_over_the_limit_is_answered_by_a_notice_and_the_socket_stays_open() {
    let clock = ManualClock::new();
    clock.advance(Duration::from_millis(500));
    let address = serve(Router::new().route("/", route!(echo)), &registry_at(&clock).await).await;
    let mut client = Client::open(address, "/").await;
    assert_eq!(client.ask("one").await, "one");
    assert_eq!(client.ask("two").await, "two");
    assert_eq!(client.ask("three").await, notice(60), "59.5 s, rounded up");
    assert_eq!(client.ask("three").await, notice(60));
    assert_eq!(ECHOED.load(Ordering::SeqCst), 2, "the body did not run");
    clock.advance(Duration::from_micros(59_499_999));
    assert_eq!(client.ask("early").await, notice(1), "a microsecond is a second to a client");
    clock.advance(Duration::from_micros(1));
    assert_eq!(client.ask("in time").await, "in time");
}

#[throttle_message(rate = "9/min", deny = "127.0.0.0/8")]
async fn of_no_neighbour(socket: &mut Socket, text: &str) {
    let _ = socket.send(Message::text(text)).await;
}

#[tokio::test]
async fn who_is_not_let_in_is_closed_with_1008() {
    let router = Router::new().route("/", route!(of_no_neighbour));
    let address = serve(router, &registry_at(&ManualClock::new()).await).await;
    let mut client = Client::open(address, "/").await;
    client.say("hello").await;
    assert_eq!(client.hear().await, Heard::Closed(1008, "refused".into()));
}

#[throttle_message(rate = "1/min", key = "{text}")]
async fn once_each(socket: &mut Socket, text: &str) -> Result<(), ThrottleError> {
    let _ = socket.send(Message::text("new")).await;
    Ok(())
}

#[tokio::test]
async fn a_key_may_be_made_of_the_arguments() {
    let router = Router::new().route("/", route!(once_each));
    let address = serve(router, &registry_at(&ManualClock::new()).await).await;
    let mut client = Client::open(address, "/").await;
    assert_eq!(client.ask("a").await, "new");
    assert_eq!(client.ask("b").await, "new");
    assert_eq!(client.ask("a").await, notice(60));
}

#[derive(Clone)]
struct Plans {
    limit: u64,
}

#[derive(Clone)]
struct App {
    plans: Plans,
}

impl axum::extract::FromRef<App> for Plans {
    fn from_ref(app: &App) -> Self {
        app.plans.clone()
    }
}

async fn plan(State(plans): State<Plans>) -> Rate {
    Rate::per_minute(plans.limit)
}

async fn seven() -> u32 {
    7
}

#[throttle_message(rate = plan)]
async fn by_plan(socket: &mut Socket<Plans>, text: &str) {
    let _ = socket.send(Message::text(text)).await;
}

#[throttle_message(rate = plan, cost = seven, state = Plans)]
async fn too_dear(socket: &mut Socket<Plans>, text: &str) {
    let _ = socket.send(Message::text(text)).await;
}

#[tokio::test]
async fn functions_see_a_part_of_the_state_and_no_wait_helps_what_never_fits() {
    let router = Router::new()
        .route("/plan", route!(by_plan, Peer<Plans>))
        .route("/dear", route!(too_dear, Peer<Plans>))
        .with_state(App { plans: Plans { limit: 3 } });
    let address = serve(router, &registry_at(&ManualClock::new()).await).await;
    let mut client = Client::open(address, "/plan").await;
    for text in ["1", "2", "3"] {
        assert_eq!(client.ask(text).await, text);
    }
    assert_eq!(client.ask("4").await, notice(60));
    let never = Client::open(address, "/dear").await.ask("hello").await;
    assert_eq!(never, notice(0).replace('0', "null"));
}

struct Room {
    name: &'static str,
}

impl Room {
    #[throttle_message(rate = "1/min")]
    async fn greet(&self, socket: &mut Socket, text: &str) -> Option<String> {
        let _ = socket.send(Message::text("hello")).await;
        Some(format!("{text} in {}", self.name))
    }

    #[throttle_message(rate = "1/min")]
    async fn flow(&mut self, socket: &mut Socket, text: &str) -> Result<ControlFlow<String>, ThrottleError> {
        let _ = socket.send(Message::text("bye")).await;
        Ok(ControlFlow::Break(text.to_owned()))
    }
}

async fn method(socket: &mut Socket, text: &str) {
    let mut room = Room { name: "lobby" };
    let answer = if text == "greet" {
        format!("{:?}", room.greet(socket, text).await)
    } else {
        format!("{:?}", room.flow(socket, text).await)
    };
    let _ = socket.send(Message::text(answer)).await;
}

#[tokio::test]
async fn a_denial_is_the_quiet_outcome() {
    let address =
        serve(Router::new().route("/", route!(method)), &registry_at(&ManualClock::new()).await).await;
    let mut client = Client::open(address, "/").await;
    let said = |text: &str| Heard::Text(text.to_owned());
    for (text, first, outcomes) in [
        ("greet", "hello", ["Some(\"greet in lobby\")", "None"]),
        ("flow", "bye", ["Ok(Break(\"flow\"))", "Ok(Continue(()))"]),
    ] {
        assert_eq!(client.ask(text).await, first);
        assert_eq!(client.hear().await, said(outcomes[0]));
        assert_eq!(client.ask(text).await, notice(60));
        assert_eq!(client.hear().await, said(outcomes[1]));
    }
}
