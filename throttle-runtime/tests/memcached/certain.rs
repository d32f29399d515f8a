//! Errors after which it is certain that nothing was charged, and calls whose runtime ends.

use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Memcached, Mode};
use throttle_runtime::strategy::FixedWindow;
use throttle_runtime::{BackendError, ErrorKind, Key, Rate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::server::Server;
use crate::{backend, until};

/// Returns what would be left for one client after one more unit.
async fn decide(backend: &Memcached, mode: Mode) -> Result<u64, BackendError> {
    let (key, rates) = (Key::from("a"), [Rate::per_day(1_000)]);
    let charges = [Charge::new("t", &key, &FixedWindow, &rates, 1)];
    Ok(backend.decide(&charges, mode).await?.quotas[0].remaining())
}

/// Events that happen to requests on their way.
const PASSES: u8 = 0;
const LOSES_READS: u8 = 1;
/// The connection is lost after the server has written.
const LOSES_ANSWERS: u8 = 2;
const REFUSES_WRITES: u8 = 3;

/// Starts a proxy to a server. Returns its address and the event that happens.
async fn way_to(server: &Server) -> (String, Arc<AtomicU8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (to, happens) = (server.address(), Arc::new(AtomicU8::new(PASSES)));
    let on_way = happens.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&to).await.expect("a server");
            tokio::spawn(pass(client, server, on_way.clone()));
        }
    });
    (address, happens)
}

async fn pass(mut client: TcpStream, mut server: TcpStream, happens: Arc<AtomicU8>) -> Option<()> {
    let (mut asked, mut answered) = ([0; 4_096], [0; 4_096]);
    loop {
        tokio::select! {
            count = client.read(&mut asked) => {
                let request = &asked[..count.ok().filter(|count| *count > 0)?];
                let writes = request.starts_with(b"ms ");
                match happens.load(Ordering::Relaxed) {
                    LOSES_READS if !writes => return None,
                    LOSES_ANSWERS if writes => {
                        server.write_all(request).await.ok()?;
                        let _ = server.read(&mut answered).await;
                        return None;
                    }
                    REFUSES_WRITES if writes => {
                        client.write_all(b"SERVER_ERROR out of memory storing object\r\n").await.ok()?;
                    }
                    _ => server.write_all(request).await.ok()?,
                }
            }
            count = server.read(&mut answered) => {
                client.write_all(&answered[..count.ok().filter(|count| *count > 0)?]).await.ok()?;
            }
        }
    }
}

#[tokio::test]
async fn what_was_not_written_is_certain_and_what_got_no_answer_is_in_doubt() {
    let server = Server::start();
    let (address, happens) = way_to(&server).await;
    let backend = Memcached::new([address]);
    let recovers = || until(async || decide(&backend, Mode::Peek).await.is_ok());
    assert_eq!(decide(&backend, Mode::Consume).await.expect("a decision"), 999);
    for (what, mode, is_certain, left) in [
        (LOSES_READS, Mode::Consume, true, 998),
        (LOSES_READS, Mode::Peek, true, 998),
        (REFUSES_WRITES, Mode::Consume, true, 998),
        (LOSES_ANSWERS, Mode::Consume, false, 997),
    ] {
        happens.store(what, Ordering::Relaxed);
        let error = decide(&backend, mode).await.expect_err("it fails");
        assert_eq!(error.is_safe_to_retry(), is_certain, "{what}: {error:?}");
        happens.store(PASSES, Ordering::Relaxed);
        recovers().await;
        assert_eq!(decide(&backend, Mode::Peek).await.expect("an answer"), left, "{what}: {error:?}");
    }
}

#[tokio::test]
async fn who_finds_no_server_or_a_closed_backend_was_not_sent() {
    let mut server = Server::start();
    server.stop();
    let gone = backend(&server);
    for _ in 0..10 {
        // The first request waits for the connection, the others fail immediately.
        let error = decide(&gone, Mode::Consume).await.expect_err("nobody is there");
        assert_eq!((error.kind(), error.is_safe_to_retry()), (ErrorKind::Connection, true), "{error:?}");
    }
    server.start_again();
    until(async || decide(&gone, Mode::Consume).await.is_ok()).await;
    gone.close().await.expect("closed");
    until(async || decide(&gone, Mode::Consume).await.is_err_and(|error| error.kind() == ErrorKind::Closed))
        .await;
    assert!(decide(&gone, Mode::Consume).await.expect_err("closed").is_safe_to_retry());
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Longer than any wait that can succeed.
const LONG: Duration = Duration::from_secs(10);

#[test]
fn another_runtime_goes_on() {
    let server = Server::start();
    let backend = Arc::new(backend(&server));
    for _ in 0..5 {
        let (first, second) = (runtime(), runtime());
        first.block_on(until(async || decide(&backend, Mode::Consume).await.is_ok()));
        for runtime in [&first, &second] {
            for _ in 0..8 {
                let backend = backend.clone();
                runtime.spawn(async move {
                    loop {
                        let _ = decide(&backend, Mode::Consume).await;
                        tokio::task::yield_now().await;
                    }
                });
            }
        }
        let asking = second.spawn({
            let backend = backend.clone();
            async move {
                for _ in 0..100 {
                    let _ = timeout(LONG, decide(&backend, Mode::Consume)).await.expect("it does not hang");
                    sleep(Duration::from_millis(1)).await;
                }
            }
        });
        std::thread::sleep(Duration::from_millis(30));
        first.shutdown_background();
        second.block_on(asking).expect("no panic");
        second.block_on(until(async || decide(&backend, Mode::Consume).await.is_ok()));
        second.shutdown_timeout(LONG);
    }
}

#[test]
fn who_waits_for_a_runtime_that_ends_is_told_at_once() {
    let server = Server::start();
    let backend = Arc::new(backend(&server));
    let (first, second) = (runtime(), runtime());
    first.block_on(decide(&backend, Mode::Consume)).expect("a decision");
    server.signal("-STOP");
    let (begun, is_begun) = mpsc::channel();
    let waiting = second.spawn({
        let backend = backend.clone();
        async move {
            let mut deciding = pin!(decide(&backend, Mode::Consume));
            timeout(Duration::from_millis(50), &mut deciding).await.expect_err("the server is stopped");
            begun.send(()).expect("the test");
            timeout(LONG, deciding).await
        }
    });
    is_begun.recv().expect("a decision that waits");
    first.shutdown_timeout(LONG);
    let error =
        second.block_on(waiting).expect("no panic").expect("it does not hang").expect_err("nobody asks");
    assert!(error.is_safe_to_retry(), "it was about to read: {error:?}");
    server.signal("-CONT");
    second.block_on(until(async || decide(&backend, Mode::Consume).await.is_ok()));
}
