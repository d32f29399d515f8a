//! The examples that need a server or a protocol of another crate, as processes.

#[cfg(unix)]
mod postgres;
#[path = "../../tests/process/mod.rs"]
mod process;

use std::io::BufRead;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use process::Example;
use serde_json::{Value, json};

#[test]
fn grpc_denies_as_grpc_does() {
    let mut example = Example::start("grpc");
    let mut lines = String::new();
    while lines.lines().count() < 4 {
        example.output.read_line(&mut lines).expect("what its client saw");
    }
    let lines: Vec<_> = lines.lines().collect();
    assert!(lines[0].starts_with("hello ann Some(\"\\\"greeter\\\";r=2;t="), "{lines:?}");
    assert!(lines[3].starts_with("ResourceExhausted: Too many requests. Retry in "), "{lines:?}");
}

#[cfg(unix)]
#[test]
fn s13_pooled_store_shares_one_limit_between_processes() {
    let database = [("DATABASE_URL", postgres::database())];
    let mut two = [(); 2].map(|()| Example::start_with("pooled_store", &database));
    two[0].early_in_the_window("/orders", &[], 10);
    let answers: Vec<_> = (0..20).map(|turn| two[turn % 2].get("/orders")).collect();
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    // A decision that misses its deadline, on a busy machine, denies without these fields, and may be charged.
    let lost = answers.iter().filter(|answer| !answer.fields.contains_key("ratelimit")).count();
    assert!(
        passed <= 10 && passed + lost >= 9,
        "one request may have been in the window before: {passed} passed, {lost} lost"
    );
    let denied = answers.last().expect("the twentieth");
    assert_eq!(denied.status, 429);
    assert!((1..=60).contains(&denied.retry_after()), "{denied:?}");
    assert_eq!(two[0].end(), "the pool is closed");
}

#[test]
fn s02_s07_websocket_chat_tells_who_writes_too_much_and_closes_on_who_floods() {
    use tokio_tungstenite::tungstenite::{Message, client};
    let example = Example::start("websocket_chat");
    let open = || {
        let stream = TcpStream::connect(example.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        client(format!("ws://{}/chat", example.address), stream).expect("a connection").0
    };
    // The first client is in the room as soon as it has received its own text. The second client sends later.
    let mut bob = open();
    bob.send(Message::text("here")).expect("it is sent");
    assert_eq!(bob.read().expect("what he said"), Message::text("here"));
    let mut ann = open();
    // One frame is received for each that is sent: the text that all clients receive, or the denial.
    let mut say = |text: &str| {
        ann.send(Message::text(text)).expect("it is sent");
        ann.read().expect("an answer")
    };
    let heard = |said: usize, answer: Message| (said, answer.into_text().expect("text").to_string());
    let (passed, notice) =
        (0..8).map(|said| heard(said, say("hi"))).find(|(_, text)| text != "hi").expect("a limit");
    let answered = Instant::now();
    assert!((2..=6).contains(&passed), "three in each window, with what Bob said: {passed}");
    assert_eq!(bob.read().expect("what Ann said"), Message::text("hi"));
    let notice: Value = serde_json::from_str(&notice).expect("JSON");
    let wait = notice["retry_after"].as_u64().expect("whole seconds");
    assert!((1..=2).contains(&wait), "{notice}");
    let expected = json!({ "type": "rate_limit", "error": "Too many messages", "retry_after": wait });
    assert_eq!(notice, expected);
    std::thread::sleep(Duration::from_secs(wait).saturating_sub(answered.elapsed()));
    assert_eq!(say("again"), Message::text("again"), "admitted after exactly the stated wait");
    let end = (0..60).map(|_| say("flood")).find_map(|answer| match answer {
        Message::Close(frame) => frame,
        _ => None,
    });
    let end = end.expect("an end of patience");
    assert_eq!(u16::from(end.code), 1008);
    assert!(end.reason.starts_with("Rate limit exceeded. Retry after "), "{end:?}");
}
