//! The proxy works as configured, in front of a server that echoes what it receives.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::proxy::Proxy;

/// Long enough for everything that is not held back.
const MOMENT: Duration = Duration::from_millis(100);

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

/// Returns the bytes that arrive within a moment, and how the stream ended. `None` if it is still open.
async fn heard(stream: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    loop {
        match timeout(MOMENT, stream.read_buf(&mut bytes)).await {
            Ok(Ok(0)) => return (bytes, Some(ErrorKind::UnexpectedEof)),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return (bytes, Some(error.kind())),
            Err(_) => return (bytes, None),
        }
    }
}

async fn say(stream: &mut TcpStream, text: &str) -> (Vec<u8>, Option<ErrorKind>) {
    stream.write_all(text.as_bytes()).await.expect("written");
    heard(stream).await
}

fn open(text: &str) -> (Vec<u8>, Option<ErrorKind>) {
    (text.as_bytes().to_vec(), None)
}

#[tokio::test]
async fn what_passes_is_counted() {
    let proxy = echo().await;
    let mut streams = [client(&proxy).await, client(&proxy).await];
    for stream in &mut streams {
        assert_eq!(say(stream, "hello").await, open("hello"));
    }
    assert_eq!((proxy.accepted(), proxy.bytes()), (2, [10, 10]));
    let [mut stream, _] = streams;
    stream.shutdown().await.expect("an end");
    assert_eq!(heard(&mut stream).await, (Vec::new(), Some(ErrorKind::UnexpectedEof)));
}

#[tokio::test]
async fn what_is_delayed_comes_later_each_way_and_not_one_after_the_other() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    proxy.delay(MOMENT);
    let begun = Instant::now();
    for _ in 0..10 {
        stream.write_all(b"x").await.expect("written");
        sleep(MOMENT / 20).await;
    }
    stream.read_exact(&mut [0; 10]).await.expect("all of it");
    let taken = begun.elapsed();
    assert!(taken >= 2 * MOMENT && taken < 8 * MOMENT, "{taken:?}");
}

#[tokio::test]
async fn what_trickles_comes_in_pieces() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    proxy.trickle(2, MOMENT / 4);
    let begun = Instant::now();
    assert_eq!(say(&mut stream, "12345678").await, open("12345678"));
    assert!(begun.elapsed() >= MOMENT * 3 / 4 + MOMENT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_is_cut_is_reset_and_new_connections_are_well() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    assert_eq!(say(&mut stream, "a").await, open("a"));
    proxy.cut().await;
    assert_eq!(heard(&mut stream).await, (Vec::new(), Some(ErrorKind::ConnectionReset)));
    assert_eq!(say(&mut client(&proxy).await, "b").await, open("b"));
}

#[tokio::test]
async fn what_is_cut_after_some_bytes_has_come_so_far() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    assert_eq!(say(&mut stream, "all").await, open("all"));
    proxy.cut_after(3);
    assert_eq!(say(&mut stream, "12").await, open("12"));
    let (bytes, end) = say(&mut stream, "345").await;
    assert_eq!((&bytes[..], end), (&b"3"[..], Some(ErrorKind::ConnectionReset)));
    assert_eq!(say(&mut client(&proxy).await, "1234").await.1, Some(ErrorKind::ConnectionReset));
    proxy.pass();
    assert_eq!(say(&mut client(&proxy).await, "1234").await, open("1234"));
}

#[tokio::test]
async fn what_is_half_closed_ends_for_the_client_who_may_still_send() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    assert_eq!(say(&mut stream, "a").await, open("a"));
    proxy.half_close();
    assert_eq!(heard(&mut stream).await, (Vec::new(), Some(ErrorKind::UnexpectedEof)));
    stream.write_all(b"bc").await.expect("written");
    sleep(MOMENT).await;
    assert_eq!(proxy.bytes(), [3, 1]);
}

#[tokio::test]
async fn replies_that_are_swallowed_were_made_and_nothing_comes_after_them() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    proxy.swallow_replies();
    assert_eq!(say(&mut stream, "lost").await, open(""));
    proxy.pass();
    assert_eq!(say(&mut stream, "more").await, open(""));
    assert_eq!(say(&mut client(&proxy).await, "heard").await, open("heard"));
    assert_eq!(proxy.bytes(), [13, 5]);
}

#[tokio::test]
async fn what_is_in_a_black_hole_comes_out_when_that_is_over() {
    let proxy = echo().await;
    let mut before = client(&proxy).await;
    proxy.blackhole();
    let mut after = client(&proxy).await;
    for stream in [&mut before, &mut after] {
        assert_eq!(say(stream, "late").await, open(""));
    }
    assert_eq!((proxy.accepted(), proxy.bytes()), (2, [0, 0]));
    proxy.pass();
    for stream in [&mut before, &mut after] {
        assert_eq!(heard(stream).await, open("late"));
    }
}

#[tokio::test]
async fn what_is_stranded_is_open_and_silent_for_good() {
    let proxy = echo().await;
    let mut before = client(&proxy).await;
    assert_eq!(say(&mut before, "a").await, open("a"));
    proxy.strand();
    assert_eq!(say(&mut before, "b").await, open(""));
    assert_eq!(say(&mut client(&proxy).await, "c").await, open("c"));
    proxy.pass();
    assert_eq!(say(&mut before, "d").await, open(""));
    proxy.cut().await;
    assert_eq!(heard(&mut before).await.1, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn who_is_refused_is_taken_again_on_the_same_port() {
    let mut proxy = echo().await;
    let mut before = client(&proxy).await;
    assert_eq!(say(&mut before, "before").await, open("before"));
    for _ in 0..3 {
        proxy.refuse().await;
        proxy.refuse().await;
        let error = TcpStream::connect(("127.0.0.1", proxy.port)).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        proxy.listen();
        assert_eq!(say(&mut client(&proxy).await, "after").await, open("after"));
    }
    assert_eq!(say(&mut before, "before").await, open("before"));
}

#[tokio::test]
async fn what_is_corrupted_is_all_wrong() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    proxy.corrupt();
    let (bytes, end) = say(&mut stream, "ab").await;
    assert_eq!((bytes, end), (vec![!b'a', !b'b'], None));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_reset() {
    let gone =
        TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port();
    let proxy = Proxy::before(gone);
    let end = heard(&mut client(&proxy).await).await.1;
    assert!(matches!(end, Some(ErrorKind::ConnectionReset)), "{end:?}");
}
