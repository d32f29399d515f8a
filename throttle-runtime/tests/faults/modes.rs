//! The proxy works as configured, in front of a server that echoes what it receives.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::proxy::Proxy;

/// Long enough for what is not held back, on a machine without other work. A test that expects something waits
/// for it, and a test that expects nothing waits for this time.
const MOMENT: Duration = Duration::from_millis(100);

/// The maximum time until something arrives.
const PATIENCE: Duration = Duration::from_secs(20);

async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                copy(&mut reader, &mut writer).await
            });
        }
    });
    Proxy::before(port)
}

async fn client(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port)).await.expect("a connection")
}

/// Bytes, and how the stream ended after them. `None` if it is still open.
type Heard = (Vec<u8>, Option<ErrorKind>);

/// Checks that these bytes arrive, and that the stream then ends in this way. If it is to stay open, nothing
/// more arrives for a moment.
async fn hears(stream: &mut TcpStream, (expected, end): Heard) {
    // The moment consists of short waits, so that a pause of this process costs one of them only.
    let (mut bytes, mut silent) = (Vec::new(), 0);
    let ended = loop {
        let is_complete = end.is_none() && bytes.len() >= expected.len();
        let wait = if is_complete { MOMENT / 20 } else { PATIENCE };
        match timeout(wait, stream.read_buf(&mut bytes)).await {
            Ok(Ok(0)) => break Some(ErrorKind::UnexpectedEof),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => break Some(error.kind()),
            Err(_) if is_complete && silent < 20 => silent += 1,
            Err(_) => break None,
        }
    };
    assert_eq!((bytes, ended), (expected, end));
}

async fn say(stream: &mut TcpStream, text: &str, expected: Heard) {
    stream.write_all(text.as_bytes()).await.expect("written");
    hears(stream, expected).await;
}

/// Waits until something is so.
async fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it does not happen");
        sleep(MOMENT / 100).await;
    }
}

fn open(text: &str) -> Heard {
    (text.as_bytes().to_vec(), None)
}

fn ended(text: &str, by: ErrorKind) -> Heard {
    (text.as_bytes().to_vec(), Some(by))
}

#[tokio::test]
async fn what_passes_is_counted() {
    let proxy = echo().await;
    let mut streams = [client(&proxy).await, client(&proxy).await];
    for stream in &mut streams {
        say(stream, "hello", open("hello")).await;
    }
    assert_eq!((proxy.accepted(), proxy.bytes()), (2, [10, 10]));
    let [mut stream, _] = streams;
    stream.shutdown().await.expect("an end");
    hears(&mut stream, ended("", ErrorKind::UnexpectedEof)).await;
}

#[tokio::test]
async fn what_is_delayed_comes_later_each_way_and_not_one_after_the_other() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    proxy.delay(MOMENT);
    let begun = Instant::now();
    for _ in 0..40 {
        stream.write_all(b"x").await.expect("written");
        sleep(MOMENT / 20).await;
    }
    stream.read_exact(&mut [0; 40]).await.expect("all of it");
    let taken = begun.elapsed();
    assert!(taken >= 2 * MOMENT && taken < 30 * MOMENT, "{taken:?}");
}

#[tokio::test]
async fn what_trickles_comes_in_pieces() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    proxy.trickle(2, MOMENT / 4);
    let begun = Instant::now();
    say(&mut stream, "12345678", open("12345678")).await;
    assert!(begun.elapsed() >= MOMENT * 3 / 4 + MOMENT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_is_cut_is_reset_and_new_connections_are_well() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    say(&mut stream, "a", open("a")).await;
    proxy.cut().await;
    hears(&mut stream, ended("", ErrorKind::ConnectionReset)).await;
    say(&mut client(&proxy).await, "b", open("b")).await;
}

#[tokio::test]
async fn what_is_cut_after_some_bytes_has_come_so_far() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    say(&mut stream, "all", open("all")).await;
    proxy.cut_after(3);
    say(&mut stream, "12", open("12")).await;
    say(&mut stream, "345", ended("3", ErrorKind::ConnectionReset)).await;
    say(&mut client(&proxy).await, "1234", ended("123", ErrorKind::ConnectionReset)).await;
    proxy.pass();
    say(&mut client(&proxy).await, "1234", open("1234")).await;
}

#[tokio::test]
async fn what_is_half_closed_ends_for_the_client_who_may_still_send() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    say(&mut stream, "a", open("a")).await;
    proxy.half_close();
    hears(&mut stream, ended("", ErrorKind::UnexpectedEof)).await;
    stream.write_all(b"bc").await.expect("written");
    until(|| proxy.bytes() == [3, 1]).await;
}

#[tokio::test]
async fn replies_that_are_swallowed_were_made_and_nothing_comes_after_them() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    proxy.swallow_replies();
    say(&mut stream, "lost", open("")).await;
    proxy.pass();
    say(&mut stream, "more", open("")).await;
    say(&mut client(&proxy).await, "heard", open("heard")).await;
    until(|| proxy.bytes() == [13, 5]).await;
}

#[tokio::test]
async fn what_is_in_a_black_hole_comes_out_when_that_is_over() {
    let proxy = echo().await;
    let mut before = client(&proxy).await;
    proxy.blackhole();
    let mut after = client(&proxy).await;
    for stream in [&mut before, &mut after] {
        say(stream, "late", open("")).await;
    }
    assert_eq!((proxy.accepted(), proxy.bytes()), (2, [0, 0]));
    proxy.pass();
    for stream in [&mut before, &mut after] {
        hears(stream, open("late")).await;
    }
}

#[tokio::test]
async fn what_is_stranded_is_open_and_silent_for_good() {
    let proxy = echo().await;
    let mut before = client(&proxy).await;
    say(&mut before, "a", open("a")).await;
    proxy.strand();
    say(&mut before, "b", open("")).await;
    say(&mut client(&proxy).await, "c", open("c")).await;
    proxy.pass();
    say(&mut before, "d", open("")).await;
    proxy.cut().await;
    hears(&mut before, ended("", ErrorKind::ConnectionReset)).await;
}

#[tokio::test]
async fn who_is_refused_is_taken_again_on_the_same_port() {
    let mut proxy = echo().await;
    let mut before = client(&proxy).await;
    say(&mut before, "before", open("before")).await;
    for _ in 0..3 {
        proxy.refuse().await;
        proxy.refuse().await;
        let error = TcpStream::connect(("127.0.0.1", proxy.port)).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        proxy.listen();
        say(&mut client(&proxy).await, "after", open("after")).await;
    }
    say(&mut before, "before", open("before")).await;
}

#[tokio::test]
async fn what_is_corrupted_is_all_wrong() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    proxy.corrupt();
    say(&mut stream, "ab", (vec![!b'a', !b'b'], None)).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_reset() {
    // A bound port that does not listen: no other socket can take it meanwhile.
    let gone = TcpSocket::new_v4().expect("a socket");
    gone.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let proxy = Proxy::before(gone.local_addr().expect("an address").port());
    hears(&mut client(&proxy).await, ended("", ErrorKind::ConnectionReset)).await;
}
