//! Servers that reply with errors, or late: the results of requests meanwhile, and afterwards.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use throttle_runtime::backend::{Backend, Charge, Mode, Redis};
use throttle_runtime::strategy::FixedWindow;
use throttle_runtime::{BackendError, ErrorKind, Key, Quota, Rate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::failures::{DEADLINE, recovers};
use crate::places::connect;
use crate::server::{Reached, Server, Way};

/// A shorter time counts as immediate, on a machine with other work.
const SLOW: Duration = Duration::from_millis(1_500);

/// The requests of one client, and their results.
struct Client {
    redis: Arc<Redis>,
    key: Key,
    rates: Vec<Rate>,
    deadline: Duration,
    admitted: u64,
    denied: u64,
    /// Rejected by the server, or never sent: the error reports that nothing was charged.
    refused: u64,
    /// It is unknown whether these were charged.
    unknown: u64,
    slowest: Duration,
}

impl Client {
    fn new(redis: &Arc<Redis>, key: &str, rates: &[Rate]) -> Self {
        let (redis, rates) = (redis.clone(), rates.to_vec());
        let (deadline, slowest) = (Duration::from_secs(2), Duration::ZERO);
        Self {
            redis,
            key: key.into(),
            rates,
            deadline,
            admitted: 0,
            denied: 0,
            refused: 0,
            unknown: 0,
            slowest,
        }
    }

    /// The same client with a short deadline, for servers that reply late.
    fn in_a_hurry(self) -> Self {
        Self { deadline: DEADLINE, ..self }
    }

    fn charge(&self) -> [Charge<'_>; 1] {
        [Charge::new("t", &self.key, &FixedWindow, &self.rates, 1)]
    }

    /// Makes one request as a throttle does: within a deadline.
    async fn hit(&mut self) -> Result<bool, Option<BackendError>> {
        let started = Instant::now();
        let answer = timeout(self.deadline, self.redis.decide(&self.charge(), Mode::Consume)).await;
        self.slowest = self.slowest.max(started.elapsed());
        match answer {
            Ok(Ok(verdict)) => {
                let fits = verdict.quotas.iter().all(Quota::fits);
                *if fits { &mut self.admitted } else { &mut self.denied } += 1;
                Ok(fits)
            }
            Ok(Err(error)) => {
                *if error.is_safe_to_retry() { &mut self.refused } else { &mut self.unknown } += 1;
                Err(Some(error))
            }
            Err(_) => {
                self.unknown += 1;
                Err(None)
            }
        }
    }

    /// Makes requests in sequence for this long.
    async fn hits(&mut self, time: Duration) {
        let started = Instant::now();
        while started.elapsed() < time {
            let _ = self.hit().await;
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Makes a request that the server rejects. Returns the message of the server.
    async fn refused(&mut self) -> String {
        let error = self.hit().await.expect_err("it is refused").expect("at once");
        assert_eq!((error.kind(), error.is_safe_to_retry()), (ErrorKind::Store, true), "{error:?}");
        error.source().expect("what Redis said").to_string()
    }

    /// Checks the charges: every admitted unit was charged, and no other one.
    async fn expect_charged_once(&self) {
        let nothing = [Charge::new("t", &self.key, &FixedWindow, &self.rates, 0)];
        let verdict = self.redis.decide(&nothing, Mode::Peek).await.expect("a decision");
        let used = self.rates[0].limit() - verdict.quotas[0].remaining();
        assert!((self.admitted..=self.admitted + self.unknown).contains(&used), "{used} of {self}");
        assert!(format!("{:?}", self.redis).contains("in_flight: 0"), "{:?}", self.redis);
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { admitted, denied, refused, unknown, slowest, .. } = self;
        write!(f, "{admitted} admitted, {denied} denied, {refused} refused, {unknown} unknown, {slowest:?}")
    }
}

async fn connected(server: &Server) -> Arc<Redis> {
    connect(server.backend()).await
}

/// Connects to the server of any kind of deployment.
async fn reaching(reached: &Reached) -> Arc<Redis> {
    connect(reached.backend()).await
}

by_each_way! {
    a_server_without_memory_denies_and_does_not_admit,
    a_server_that_loads_is_used_when_it_has_loaded,
    a_server_that_pauses_costs_deadlines_and_charges_nothing_twice,
}

const fn day(limit: u64) -> [Rate; 1] {
    [Rate::per_day(limit)]
}

async fn a_server_without_memory_denies_and_does_not_admit(way: Way) {
    let server = way.start();
    let redis = reaching(&server).await;
    let mut full = Client::new(&redis, "full", &day(1));
    let mut free = Client::new(&redis, "free", &[Rate::per_day(10), Rate::per_hour(10)]);
    assert!(full.hit().await.expect("a decision") && free.hit().await.expect("a decision"));
    let () = server.ask("CONFIG SET maxmemory 1");
    for _ in 0..10 {
        assert!(!full.hit().await.expect("a denial"));
        let said = free.refused().await;
        assert!(said.contains("OOM"), "{said}");
    }
    free.expect_charged_once().await;
    let () = server.ask("CONFIG SET maxmemory 0");
    assert!(free.hit().await.expect("at once"));
    free.expect_charged_once().await;
}

async fn a_server_that_loads_is_used_when_it_has_loaded(way: Way) {
    // The server handles its clients after every two megabytes.
    let server = way.with(&["--key-load-delay", "1500", "--rdbcompression", "no"]);
    let redis = reaching(&server).await;
    let mut client = Client::new(&redis, "a", &day(1_000));
    client.hits(Duration::from_millis(50)).await;
    let fill = "for i = 1, 5000 do redis.call('SET', 'k' .. i, string.rep('x', 20000)) end";
    let () = redis::cmd("EVAL").arg(fill).arg(0).query(&mut server.connect()).expect("filled");
    let () = server.ask("SAVE");
    let restart = server.kill();
    let server = tokio::task::spawn_blocking(restart);
    let mut said = String::new();
    while !said.contains("loading") {
        assert!(!server.is_finished(), "it has loaded: {said}");
        said = match client.hit().await {
            Err(Some(error)) => {
                let said = error.source().map(ToString::to_string).unwrap_or_default().to_lowercase();
                assert!(error.is_safe_to_retry() || !said.contains("loading"), "{error:?}");
                said
            }
            other => format!("{other:?}"),
        };
        sleep(Duration::from_millis(1)).await;
    }
    recovers(&redis).await;
    let _server = server.await.expect("a server");
    client.expect_charged_once().await;
    assert!(client.slowest < SLOW, "{client}");
}

#[tokio::test]
async fn a_server_that_is_busy_with_a_script_is_used_when_that_is_over() {
    let server = Server::start();
    let () = server.ask("CONFIG SET lua-time-limit 300");
    let redis = connected(&server).await;
    let mut client = Client::new(&redis, "a", &day(1_000_000)).in_a_hurry();
    client.hits(Duration::from_millis(50)).await;
    let mut neighbour = server.connect();
    let endless = std::thread::spawn(move || {
        let endless: redis::RedisResult<()> =
            redis::cmd("EVAL").arg("while true do end").arg(0).query(&mut neighbour);
        endless.expect_err("it is killed");
    });
    // First no reply, then errors that name the cause. Meanwhile, new connections are rejected.
    let begun = Instant::now();
    let is_soon = || assert!(begun.elapsed() < Duration::from_secs(20), "it is not busy");
    while client.unknown == 0 {
        is_soon();
        let _ = client.hit().await;
    }
    let is_busy = |error: &BackendError| error.source().is_some_and(|said| said.to_string().contains("BUSY"));
    let error = loop {
        is_soon();
        match client.hit().await {
            Err(Some(error)) if is_busy(&error) => break error,
            _ => sleep(Duration::from_millis(10)).await,
        }
    };
    assert_eq!((error.kind(), error.is_safe_to_retry()), (ErrorKind::Store, true), "{error:?}");
    let mut other = server.connect_unchecked();
    let () = redis::cmd("SCRIPT").arg("KILL").query(&mut other).expect("it ends");
    endless.join().expect("the neighbour");
    recovers(&redis).await;
    client.expect_charged_once().await;
    assert!(client.slowest < SLOW, "{client}");
}

#[tokio::test]
async fn a_server_that_becomes_a_replica_is_left_until_it_is_none_any_more() {
    let (server, master) = (Server::start(), Server::start());
    let redis = connected(&server).await;
    let mut client = Client::new(&redis, "a", &day(1_000));
    client.hits(Duration::from_millis(20)).await;
    let () = server.ask(&format!("REPLICAOF 127.0.0.1 {}", master.port));
    let said = client.refused().await;
    assert!(said.to_lowercase().contains("read"), "{said}");
    assert!(!redis.is_connected(), "it is of no use");
    let connections = || {
        let stats: String = server.ask("INFO stats");
        let line = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        line.expect("a number").parse::<u64>().expect("a number")
    };
    let before = connections();
    client.hits(Duration::from_millis(500)).await;
    assert!(connections() - before < 20, "requests connect to nothing: {}", connections() - before);
    assert!(client.slowest < SLOW, "{client}");
    let () = server.ask("REPLICAOF NO ONE");
    recovers(&redis).await;
}

#[tokio::test]
async fn who_is_not_let_in_any_more_is_told_and_comes_back() {
    let server = Server::with_password("s3cret");
    let by = |password: &str| {
        let redis = Redis::builder(&server.url()).remember_denied(false).password(password);
        Arc::new(redis.build().expect("a backend"))
    };
    let nobody = Redis::new(&server.url()).expect("a backend");
    for stranger in [&nobody, &*by("wrong")] {
        let error = stranger.initialize().await.expect_err("not let in");
        assert_eq!(error.kind(), ErrorKind::Store);
        let said = error.source().expect("what Redis said").to_string();
        assert!(said.contains("NOAUTH") || said.contains("WRONGPASS"), "{said}");
    }
    let redis = by("s3cret");
    redis.initialize().await.expect("the right password");
    let mut client = Client::new(&redis, "a", &day(1_000));
    client.hits(Duration::from_millis(20)).await;
    let mut other = server.connect();
    let mut tell = |command: &str| {
        let mut words = command.split(' ');
        let mut command = redis::cmd(words.next().expect("a command"));
        command.arg(words.collect::<Vec<_>>()).query::<redis::Value>(&mut other).expect("an answer");
    };
    tell("CONFIG SET requirepass another");
    tell("CLIENT KILL TYPE normal SKIPME yes");
    // Until the backend has tried to connect again, it knows only that the connection is lost.
    let begun = Instant::now();
    let error = loop {
        match client.hit().await {
            Err(Some(error)) if error.kind() == ErrorKind::Store => break error,
            _ => assert!(begun.elapsed() < Duration::from_secs(20), "it is not told: {client}"),
        }
        sleep(Duration::from_millis(10)).await;
    };
    assert!(error.is_safe_to_retry(), "{error:?}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    tell("CONFIG SET requirepass s3cret");
    recovers(&redis).await;
    client.expect_charged_once().await;
}

/// The permissions in the documentation.
fn documented(password: &str) -> Vec<String> {
    let documentation = include_str!("../../src/backend/redis/mod.rs");
    let line = documentation.lines().find_map(|line| line.strip_prefix("/// ACL SETUSER ")).expect("a list");
    line.split(' ').map(|word| word.replace(">password", &format!(">{password}"))).collect()
}

/// Everything that a backend does, on a server that loses its scripts.
async fn everything(redis: &Redis, server: &Server) -> Result<(), BackendError> {
    redis.initialize().await?;
    let () = server.ask("SCRIPT FLUSH");
    let (key, rates) = (Key::from("a"), day(2));
    for strategy in crate::strategies::each() {
        let charges = [Charge::new("t", &key, &*strategy, &rates, 1)];
        let first = redis.decide(&charges, Mode::Consume).await?;
        redis.refund(&charges, first.at).await?;
        for _ in 0..3 {
            redis.decide(&charges, Mode::Consume).await?;
        }
    }
    let board = redis.coordination_store().expect("a board");
    board.put("word", 1, Duration::from_secs(60)).await?;
    assert_eq!(board.get("word").await?, Some(1));
    board.delete("word").await?;
    let lease = Duration::from_secs(60);
    drop(crate::places::take(redis, "a", u32::MAX, lease).await?);
    redis.reset().await?;
    redis.close().await
}

#[tokio::test]
async fn a_user_who_may_do_what_is_documented_may_do_enough_and_no_more() {
    let server = Server::start();
    let list = documented("s3cret");
    let () = server.ask(&format!("ACL SETUSER {}", list.join(" ")));
    let url = format!("redis://throttle:s3cret@127.0.0.1:{}", server.port);
    let redis = || Redis::builder(&url).remember_denied(false).build().expect("a backend");
    // The client crate sends its name, which need not be permitted.
    let refused = || {
        let log: Vec<redis::Value> = server.ask("ACL LOG");
        let log = log.iter().map(|entry| format!("{entry:?}"));
        log.filter(|entry| !entry.contains("cmd=client")).collect::<Vec<_>>()
    };
    everything(&redis(), &server).await.expect("enough");
    assert_eq!(server.ask::<Vec<String>>("KEYS *"), ["throttle:reset"]);
    assert_eq!(refused(), [""; 0]);
    for command in list.iter().filter(|word| word.starts_with('+')) {
        let others: Vec<_> = list[1..].iter().filter(|word| *word != command).cloned().collect();
        let () = server.ask(&format!("ACL SETUSER throttle reset {}", others.join(" ")));
        let () = server.ask("ACL LOG RESET");
        // Some of the rejected commands are optional.
        let _ = everything(&redis(), &server).await;
        assert!(!refused().is_empty(), "nobody needs {command}");
    }
}

#[tokio::test]
async fn who_may_not_write_is_told_and_may_be_allowed() {
    let server = Server::start();
    let list = documented("s3cret");
    let () = server.ask(&format!("ACL SETUSER {} -set", list.join(" ")));
    let url = format!("redis://throttle:s3cret@127.0.0.1:{}", server.port);
    let redis = Arc::new(Redis::builder(&url).remember_denied(false).build().expect("a backend"));
    // The problem is found at the first connection, and not by each request.
    let error = redis.initialize().await.expect_err("it cannot decide");
    let said = error.to_string();
    assert!(said.contains("may not use SET in scripts"), "{said}");
    let mut client = Client::new(&redis, "a", &day(1));
    for _ in 0..10 {
        let error = client.hit().await.expect_err("it is refused").expect("at once");
        assert_eq!((error.kind(), error.is_safe_to_retry()), (ErrorKind::Store, true), "{error:?}");
        assert_eq!(error.to_string(), said);
        assert!(!redis.is_connected());
    }
    let () = server.ask("ACL SETUSER throttle +set");
    recovers(&redis).await;
    assert!(client.hit().await.expect("a decision"));
    client.expect_charged_once().await;
    let () = server.ask("ACL SETUSER throttle -set");
    assert!(!client.hit().await.expect("denials write nothing"));
}

async fn a_server_that_pauses_costs_deadlines_and_charges_nothing_twice(way: Way) {
    let server = way.start();
    let redis = reaching(&server).await;
    let mut client = Client::new(&redis, "a", &day(1_000_000)).in_a_hurry();
    for kind in ["ALL", "WRITE"] {
        client.hits(Duration::from_millis(50)).await;
        let () = server.ask(&format!("CLIENT PAUSE 600 {kind}"));
        client.hits(Duration::from_millis(500)).await;
        recovers(&redis).await;
    }
    assert!(client.unknown > 0, "{client}");
    assert!(client.slowest < SLOW, "{client}");
    client.expect_charged_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_again_and_again_are_replaced_and_charge_nothing_twice() {
    let server = Server::start();
    let redis = connected(&server).await;
    let clients: Vec<_> = (0..8).map(|_| Client::new(&redis, "a", &day(1_000_000))).collect();
    let load: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                client.hits(Duration::from_millis(1_500)).await;
                client
            })
        })
        .collect();
    for _ in 0..20 {
        sleep(Duration::from_millis(60)).await;
        let _: u64 = server.ask("CLIENT KILL TYPE normal");
    }
    let mut all = Client::new(&redis, "a", &day(1_000_000));
    for client in load {
        let client = client.await.expect("a client");
        assert!(client.admitted > 0, "{client}");
        all.admitted += client.admitted;
        all.unknown += client.unknown;
        all.slowest = all.slowest.max(client.slowest);
    }
    recovers(&redis).await;
    assert!(all.unknown > 0 && all.slowest < SLOW, "{all}");
    all.expect_charged_once().await;
}

/// Starts a proxy to a server. While the flag is set, replies are lost together with the connection.
pub(crate) async fn lossy(server: &Server, loses: &Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (to, loses) = (server.port, loses.clone());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", to)).await.expect("a server");
            let loses = loses.clone();
            tokio::spawn(async move {
                let ((mut asked, mut told), (mut answered, mut asks)) =
                    (client.into_split(), server.into_split());
                let asking = tokio::spawn(async move { tokio::io::copy(&mut asked, &mut asks).await });
                let mut buffer = [0; 4_096];
                while let Ok(count @ 1..) = answered.read(&mut buffer).await
                    && !loses.load(Ordering::Relaxed)
                    && told.write_all(&buffer[..count]).await.is_ok()
                {}
                asking.abort();
            });
        }
    });
    port
}

#[tokio::test]
async fn an_answer_that_is_lost_was_charged_and_is_not_asked_for_again() {
    let (server, loses) = (Server::start(), Arc::new(AtomicBool::new(false)));
    let port = lossy(&server, &loses).await;
    let redis = Redis::builder(&format!("redis://127.0.0.1:{port}")).remember_denied(false);
    let redis = Arc::new(redis.build().expect("a backend"));
    redis.initialize().await.expect("a connection");
    let mut client = Client::new(&redis, "a", &day(1_000));
    for lost in 1..=20 {
        assert!(client.hit().await.expect("a decision"));
        loses.store(true, Ordering::Relaxed);
        let error = client.hit().await.expect_err("lost").expect("at once");
        assert_eq!((error.kind(), client.unknown), (ErrorKind::Connection, lost), "{error:?}");
        loses.store(false, Ordering::Relaxed);
        recovers(&redis).await;
    }
    client.admitted += std::mem::take(&mut client.unknown);
    client.expect_charged_once().await;
}

#[tokio::test]
async fn what_is_flushed_begins_anew_and_no_more() {
    let server = Server::start();
    let redis = connected(&server).await;
    let mut client = Client::new(&redis, "a", &day(10));
    for flushes in 1..=20 {
        for _ in 0..15 {
            client.hit().await.expect("a decision");
        }
        assert_eq!(client.admitted, flushes * 10);
        let () = server.ask("FLUSHALL");
    }
}

/// A client that is evicted from a server that is short of memory starts again, once per eviction.
#[tokio::test]
async fn what_is_evicted_begins_anew_and_no_more() {
    const CLIENTS: u32 = 1_000;
    let server = Server::start();
    let redis = connected(&server).await;
    let info = |section: &str, name: &str| -> u64 {
        let told: String = server.ask(&format!("INFO {section}"));
        let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.expect("it is told").parse().expect("a number")
    };
    let () = server.ask("CONFIG SET maxmemory-policy allkeys-random");
    let () = server.ask(&format!("CONFIG SET maxmemory {}", info("memory", "used_memory") + 100_000));
    let mut clients: Vec<_> =
        (0..CLIENTS).map(|number| Client::new(&redis, &number.to_string(), &day(2))).collect();
    for _ in 0..5 {
        for client in &mut clients {
            client.hit().await.expect("a decision");
        }
    }
    let (admitted, evicted): (u64, u64) =
        (clients.iter().map(|client| client.admitted).sum(), info("stats", "evicted_keys"));
    assert!(evicted > 100, "{evicted}");
    assert!(clients.iter().all(|client| client.admitted >= 2));
    assert!(admitted <= 2 * (u64::from(CLIENTS) + evicted), "{admitted} of {CLIENTS} and {evicted}");
}
