//! Two masters in a network that has parted: one with its clients on one side, and one that was elected on the
//! other side. The rows are those of `docs/failures.md`.

use std::time::{Duration, Instant};

use throttle_runtime::backend::Redis;
use throttle_runtime::{ErrorKind, Rate, Registry, Settings, Throttle, registry};
use tokio::time::sleep;

use crate::fleet::{elected, sentinel_at, until};
use crate::proxy::Proxy;
use crate::server::Server;

/// The limit of one client. No unit becomes available again during the test.
const LIMIT: u64 = 10;

/// The proxy between the master on one side, and the replica, the sentinels and their clients on the other
/// side.
struct Parted {
    master: Server,
    replica: Server,
    sentinels: Vec<Server>,
    proxy: Proxy,
}

impl Parted {
    async fn start(options: &[&str]) -> Self {
        let master = Server::with(&[&["--repl-diskless-sync-delay", "0"], options].concat());
        let proxy = Proxy::before(master.port);
        let port = proxy.port.to_string();
        let start = move || {
            let replica = Server::with(&["--replicaof", "127.0.0.1", &port]);
            let online = || replica.says("INFO replication", "master_link_status:up");
            until("a replica", online);
            let port = port.parse().expect("a port");
            let sentinels: Vec<_> = (0..3).map(|_| sentinel_at(port, None, "")).collect();
            for sentinel in &sentinels {
                let known = |what: &str| {
                    sentinel
                        .try_ask::<Vec<redis::Value>>(&format!("SENTINEL {what} it"))
                        .map_or(0, |known| known.len())
                };
                until("sentinels who know each other", || known("SENTINELS") == 2 && known("REPLICAS") == 1);
            }
            (replica, sentinels)
        };
        let (replica, sentinels) = tokio::task::spawn_blocking(start).await.expect("the others");
        Self { master, replica, sentinels, proxy }
    }

    /// Waits until the replica has the data of the master.
    async fn replicates(&self) {
        let offset = |server: &Server| {
            let told: String = server.ask("INFO replication");
            let line =
                told.lines().find_map(|line| line.strip_prefix("master_repl_offset:")).map(str::to_owned);
            line.expect("it is told")
        };
        let began = Instant::now();
        while offset(&self.master) != offset(&self.replica) {
            assert!(began.elapsed() < Duration::from_secs(10), "it does not replicate");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Creates the throttle of a separate application.
async fn application(redis: Redis, settings: Settings) -> (Registry, Throttle) {
    let registry = registry().backend("store", redis).build().await.expect("a registry");
    let settings = settings.rate(Rate::per_day(LIMIT)).timeout(Duration::from_secs(2)).backend("store");
    let throttle = registry.create("limit", settings).expect("a throttle");
    (registry, throttle)
}

/// Returns how many requests pass until one is denied.
async fn exhausted(throttle: &Throttle) -> u64 {
    let mut passed = 0;
    while throttle.hit("a client").await.expect("a decision").is_allowed() {
        passed += 1;
        assert!(passed <= LIMIT, "{passed} pass at one master");
    }
    passed
}

/// Row 16: each master admits what is left in its own data, so at most the rest once more in total. The old
/// master steps down when the network works again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_masters_admit_what_was_left_once_each_until_one_of_them_is_told() {
    let parted = Parted::start(&[]).await;
    let raises = Settings::new().on_error("raise");
    // On this side, there is a sentinel, too. Alone, it elects no master.
    let here = "sentinel monitor that 127.0.0.1";
    let here = Server::sentinel(None, &format!("{here} {} 2", parted.master.port));
    let here_by = Redis::sentinel([here.url()], "that").remember_denied(false).build();
    let (_one, here_is) = application(here_by.expect("a backend"), raises.clone()).await;
    for _ in 0..4 {
        assert!(here_is.hit("a client").await.expect("a decision").is_allowed());
    }
    parted.replicates().await;
    parted.proxy.blackhole();
    let replica = elected(parted.replica).await;
    for sentinel in &parted.sentinels {
        let began = Instant::now();
        let named = || sentinel.try_ask::<(String, u16)>("SENTINEL GET-MASTER-ADDR-BY-NAME it");
        while named().is_none_or(|(_, port)| port != replica.port) {
            assert!(began.elapsed() < Duration::from_secs(20), "it names the old one");
            sleep(Duration::from_millis(20)).await;
        }
    }
    let urls: Vec<_> = parted.sentinels.iter().map(Server::url).collect();
    let there_by = Redis::sentinel(urls, "it").remember_denied(false).build().expect("a backend");
    let (_other, there_is) = application(there_by, raises).await;
    let both = (exhausted(&here_is).await, exhausted(&there_is).await);
    assert_eq!(both, (LIMIT - 4, LIMIT - 4), "what was left by what they had in common");
    parted.proxy.pass();
    let master = parted.master;
    let told = tokio::task::spawn_blocking(move || {
        until("the end of the old one", || master.says("INFO replication", "role:slave"));
        (master, replica)
    });
    let _both = told.await.expect("the servers");
    for _ in 0..20 {
        let error = here_is.hit("another").await.expect_err("it is no master any more");
        assert!(error.is_safe_to_retry(), "{error:?}");
    }
    assert_eq!(exhausted(&there_is).await, 0);
}

/// Row 16, with a master that accepts writes only with a replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_wants_a_replica_admits_nobody_soon_after_it_has_lost_it() {
    let parted = Parted::start(&["--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"]).await;
    let redis = || Redis::builder(&parted.master.url()).remember_denied(false).build().expect("a backend");
    let (_one, raises) = application(redis(), Settings::new().on_error("raise")).await;
    let (_two, throttles) = application(redis(), Settings::new().on_error("throttle")).await;
    let (_three, allows) = application(redis(), Settings::new().on_error("allow")).await;
    // A busy machine may be late with the message of the replica, too, by which it counts as one.
    let began = Instant::now();
    while !raises.hit("a client").await.is_ok_and(|decision| decision.is_allowed()) {
        assert!(began.elapsed() < Duration::from_secs(20), "it has no replica");
        sleep(Duration::from_millis(10)).await;
    }
    parted.proxy.blackhole();
    let began = Instant::now();
    let error = loop {
        match raises.hit(began.elapsed().as_micros().to_string()).await {
            Ok(_) => assert!(began.elapsed() < Duration::from_secs(10), "it goes on for good"),
            Err(error) => break error,
        }
        sleep(Duration::from_millis(10)).await;
    };
    let said = std::error::Error::source(&error).expect("what Redis said").to_string();
    assert!(said.to_uppercase().contains("NOREPLICAS") || said.contains("replicas"), "{said}");
    assert_eq!((error.kind(), error.is_safe_to_retry()), (ErrorKind::Store, true), "{error:?}");
    assert!(!throttles.hit("a client").await.expect("the policy decides").is_allowed());
    assert!(allows.hit("a client").await.expect("the policy decides").is_allowed());
    assert_eq!(allows.counts().allowed_on_error, 1);
    parted.proxy.pass();
    drop(parted.sentinels);
}
