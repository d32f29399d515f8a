//! The Memcached backend on real servers.

mod certain;
#[path = "../../src/backend/memcached/port.rs"]
mod port;
#[path = "../refunded/mod.rs"]
mod refunded;
#[path = "../retried/mod.rs"]
mod retried;
mod round_trips;
#[path = "../served/mod.rs"]
mod served;
#[path = "../../src/backend/memcached/server.rs"]
mod server;
#[path = "../../src/backend/memcached/signal.rs"]
mod signal;
mod strangers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use served::Served;
use server::Server;
use throttle_runtime::backend::{Backend, Charge, Memcached, Mode, Verdict};
use throttle_runtime::strategy::{FixedWindow, Gcra, SlidingWindowLog, Strategy};
use throttle_runtime::testkit::{Subject, conformance};
use throttle_runtime::{BackendError, ErrorKind, Key, ManualClock, Quota, Rate, Rates};
use tokio::task::JoinSet;
use tokio::time::timeout;

fn backend(server: &Server) -> Memcached {
    Memcached::new([server.address()])
}

async fn decide(
    backend: &Memcached,
    key: &Key,
    strategy: &dyn Strategy,
    rates: &[Rate],
) -> Result<Verdict, BackendError> {
    backend.decide(&[Charge::new("t", key, strategy, rates, 1)], Mode::Consume).await
}

/// Returns whether one more unit fits.
async fn take(backend: &Memcached, key: &str) -> bool {
    let verdict = decide(backend, &key.into(), &FixedWindow, &[Rate::per_day(2)]).await.expect("a verdict");
    verdict.quotas.iter().all(Quota::fits)
}

conformance!(kit, backend: || async {
    let (server, clock) = (Server::start(), ManualClock::new());
    let backend = backend(&server).clock(clock.clone());
    Subject::new(Served { backend, _server: server }).clock(clock)
});

/// Each backend represents a process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_share_a_server_admit_exactly_the_limit() {
    const LIMIT: u64 = 60;
    const STRATEGIES: [&dyn Strategy; 3] = [&FixedWindow, &Gcra::new().burst(LIMIT), &SlidingWindowLog];
    let rates: Rates = "60/day, 100/week".parse().expect("rates");
    let server = Server::start();
    for strategy in STRATEGIES {
        let mut tasks = JoinSet::new();
        for backend in [Arc::new(backend(&server)), Arc::new(backend(&server))] {
            for _ in 0..2 * LIMIT {
                let backend = Arc::clone(&backend);
                tasks.spawn(async move {
                    let verdict = decide(&backend, &"a".into(), strategy, &rates).await.expect("a verdict");
                    u64::from(verdict.quotas.iter().all(Quota::fits))
                });
            }
        }
        assert_eq!(tasks.join_all().await.into_iter().sum::<u64>(), LIMIT, "{strategy:?}");
    }
}

/// Memcached counts in whole seconds.
#[tokio::test]
async fn windows_below_a_second_are_exact() {
    let (server, clock) = (Server::start(), ManualClock::new());
    let backend = backend(&server).clock(clock.clone());
    let (key, rates) = (Key::from("a"), [Rate::new(1, Duration::from_millis(250)).expect("a rate")]);
    for _ in 0..5 {
        let fits = async || decide(&backend, &key, &FixedWindow, &rates).await.expect("a verdict").quotas[0];
        assert!(fits().await.fits());
        let wait = fits().await.retry_after().expect("a wait");
        clock.advance(wait.saturating_sub(Duration::from_micros(1)));
        assert!(!fits().await.fits());
        clock.advance(Duration::from_micros(1));
    }
}

#[tokio::test]
async fn b074_a_reset_leaves_other_namespaces_alone() {
    let server = Server::start();
    let [one, two] = ["one", "two"].map(|name| backend(&server).namespace(name));
    for backend in [&one, &two] {
        assert!(take(backend, "a").await && take(backend, "a").await);
    }
    one.reset().await.expect("a reset");
    assert!(take(&one, "a").await);
    assert!(!take(&two, "a").await);
    // Also if no time passes.
    let still = backend(&server).clock(ManualClock::new());
    for _ in 0..3 {
        assert!(take(&still, "b").await && take(&still, "b").await && !take(&still, "b").await);
        still.reset().await.expect("a reset");
    }
}

#[tokio::test]
async fn b075_a_closed_backend_leaves_no_connection() {
    let server = Server::start();
    let backend = backend(&server);
    assert!(take(&backend, "a").await);
    let connections = || {
        let told = server.say("stats\r\n", "END\r\n");
        let number = told.lines().find_map(|line| line.strip_prefix("STAT curr_connections "));
        number.and_then(|number| number.parse::<u32>().ok()).expect("a number")
    };
    let open = connections();
    backend.close().await.expect("closed");
    until(async || connections() < open).await;
    let error = decide(&backend, &"a".into(), &FixedWindow, &[Rate::per_day(1)]).await.expect_err("closed");
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn b079_what_is_damaged_begins_anew() {
    let server = Server::start();
    let backend = backend(&server);
    assert!(take(&backend, "a").await && take(&backend, "a").await && !take(&backend, "a").await);
    let dump = server.say("lru_crawler metadump hash\r\n", "END\r\n");
    let keys: Vec<_> = dump.lines().filter_map(|line| line.strip_prefix("key=")?.split(' ').next()).collect();
    assert_eq!(keys.len(), 2, "a state and a generation: {dump}");
    for garbage in ["", "x", "1 2", "-1 0 NaN", "18446744073709551616 0 1", "0 0 0 0"] {
        for key in &keys {
            let key = key.replace("%23", "#").replace("%3A", ":");
            let stored = server.say(&format!("set {key} 0 0 {}\r\n{garbage}\r\n", garbage.len()), "\r\n");
            assert_eq!(stored, "STORED\r\n");
        }
        assert!(take(&backend, "a").await && take(&backend, "a").await, "{garbage:?}");
        assert!(!take(&backend, "a").await, "{garbage:?}");
    }
}

#[tokio::test]
async fn b080_keys_of_any_content_are_kept_apart() {
    let server = Server::start();
    let backend = backend(&server);
    let long = "x".repeat(10_000);
    for key in ["", " ", "a b", "a\r\nb", "flush_all\r\n", "ä", "\0", ":", &long, &long[1..]] {
        assert!(take(&backend, key).await && take(&backend, key).await, "{key:?}");
        assert!(!take(&backend, key).await, "{key:?}");
    }
}

#[tokio::test]
async fn b061_words_are_kept_until_their_time_is_over() {
    let (server, clock) = (Server::start(), ManualClock::new());
    let [one, other] = [(); 2].map(|()| backend(&server).clock(clock.clone()));
    one.initialize().await.expect("a connection");
    let [one, other] = [&one, &other].map(|backend| backend.coordination_store().expect("a board"));
    one.put("a", u64::MAX, Duration::from_millis(1_500)).await.expect("posted");
    assert_eq!(other.get("a").await.expect("an answer"), Some(u64::MAX));
    clock.advance(Duration::from_millis(1_500));
    assert_eq!(other.get("a").await.expect("an answer"), None);
    one.put("a", 1, Duration::from_secs(60)).await.expect("posted");
    other.delete("a").await.expect("removed");
    assert_eq!(one.get("a").await.expect("an answer"), None);
}

#[tokio::test]
async fn several_servers_share_the_identities() {
    let servers = [Server::start(), Server::start(), Server::start()];
    let backend = Memcached::new(servers.iter().map(Server::address));
    let other = Memcached::new(servers.iter().rev().map(Server::address));
    for key in 0..30 {
        let key = key.to_string();
        assert!(take(&backend, &key).await && take(&other, &key).await);
        assert!(!take(&backend, &key).await);
    }
    backend.reset().await.expect("a reset");
    for key in 0..30 {
        assert!(take(&other, &key.to_string()).await);
    }
}

#[tokio::test]
async fn b076_b077_a_server_that_is_not_there_is_told_at_the_start_and_at_every_decision() {
    let mut server = Server::start();
    server.stop();
    let backend = backend(&server);
    let error = backend.initialize().await.expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Connection);
    let begun = Instant::now();
    let error = decide(&backend, &"a".into(), &FixedWindow, &[Rate::per_day(1)]).await.expect_err("nobody");
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(std::error::Error::source(&error).is_some());
    assert!(begun.elapsed() < Duration::from_millis(500), "it does not wait: {:?}", begun.elapsed());
    server.start_again();
    until(async || decide(&backend, &"a".into(), &FixedWindow, &[Rate::per_day(1)]).await.is_ok()).await;
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_and_found_again() {
    let server = Server::start();
    let backend = backend(&server);
    assert!(take(&backend, "a").await);
    server.signal("-STOP");
    let ask = async || decide(&backend, &"b".into(), &FixedWindow, &[Rate::per_day(1)]).await;
    // Requests time out once the signal has arrived.
    until(async || timeout(Duration::from_millis(100), ask()).await.is_err()).await;
    // In the end, the connection is given up, and a decision fails immediately.
    until(async || matches!(timeout(Duration::from_millis(100), ask()).await, Ok(Err(_)))).await;
    server.signal("-CONT");
    until(async || matches!(timeout(Duration::from_millis(100), ask()).await, Ok(Ok(_)))).await;
    assert!(take(&backend, "a").await, "the second");
    assert!(!take(&backend, "a").await, "what was counted is still there");
}

/// Waits for a real server and a real clock.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn f37_a_refund_after_a_reset_gives_nothing_back() {
    let (server, clock) = (Server::start(), ManualClock::new());
    let backend = || Memcached::new([server.address()]).clock(clock.clone());
    let one = refunded::instance(backend(), clock.clone()).await;
    refunded::holds(&one, &refunded::instance(backend(), clock.clone()).await).await;
}

#[tokio::test]
async fn f35_a_retry_is_recognised() {
    let (server, clock) = (Server::start(), ManualClock::new());
    let backend = || Memcached::new([server.address()]).clock(clock.clone());
    retried::holds(&backend()).await;
    retried::holds_of_throttles(backend(), clock.clone()).await;
}
