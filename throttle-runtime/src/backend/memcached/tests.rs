//! The store contract on a real server. The backend needs only a part of it.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::connection::Connection;
use super::entries::Servers;
use super::protocol::Command;
use super::routing::Nodes;
use super::server::Server;
use crate::clock::ManualClock;
use crate::testkit::{Subject, store};

/// A reset forgets a whole namespace, which is what a backend needs. It cannot forget the keys with a given
/// prefix.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_a_store_but_for_resets_of_parts_of_a_namespace() {
    let server = Server::start();
    let make = || async {
        let clock = ManualClock::new();
        let servers = Servers::new(Nodes::new([server.address()]), Arc::new(clock.clone()));
        Subject::new(servers).clock(clock)
    };
    let found = store::violations(make).await;
    let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["b074_reset_removes_its_prefix_only", "b074_a_prefix_is_no_pattern"], "{found:#?}");
}

/// This includes commands that do not write.
#[tokio::test]
async fn who_was_sent_is_in_doubt_and_nobody_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let connection = Connection::open(listener.local_addr().expect("an address").to_string());
    let ask = || connection.ask(Command::Delete { key: "k" });
    let answer = async {
        let (mut client, _) = listener.accept().await.expect("a client");
        // The connection probes the server first.
        let mut probe = Vec::new();
        while !probe.ends_with(b"md throttle#probe\r\n") {
            client.read_buf(&mut probe).await.expect("the probe");
        }
        client.write_all(b"VERSION 1.6.18\r\nHD\r\nEN\r\nNF\r\n").await.expect("an answer");
        client.readable().await.expect("a request");
    };
    let (lost, ()) = tokio::join!(ask(), answer);
    assert!(!lost.expect_err("no answer").is_safe_to_retry());
    // No task takes requests from the queue of this connection.
    let gone = Connection::open("127.0.0.1:1".to_owned());
    for _ in 0..3 {
        let error = gone.ask(Command::Delete { key: "k" }).await.expect_err("nobody is there");
        assert!(error.is_safe_to_retry(), "{error:?}");
    }
}
