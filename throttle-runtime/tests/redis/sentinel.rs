//! A master that sentinels name, and another one after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use throttle_runtime::backend::{Backend, Charge, Mode, Redis};
use throttle_runtime::strategy::FixedWindow;
use throttle_runtime::testkit::{Subject, conformance};
use throttle_runtime::{ErrorKind, Key, ManualClock, Rate};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::failures::{DEADLINE, answer, hit, recovers};
use crate::fleet::{Fleet, elected, sentinel, until};
use crate::served::Served;
use crate::server::Server;

/// Returns a unique namespace. The servers are shared, and a reset clears one namespace.
fn namespace() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("n{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

conformance!(kit, backend: || async {
    let (fleet, clock) = (Fleet::shared(), ManualClock::new());
    let builder = fleet.builder().namespace(namespace()).clock(clock.clone());
    let backend = builder.build().expect("a backend");
    backend.initialize().await.expect("a connection");
    Subject::new(Served { backend, _server: fleet }).clock(clock)
});

async fn connected(fleet: &Fleet) -> Redis {
    let redis = fleet.builder().build().expect("a backend");
    redis.initialize().await.expect("a connection");
    redis
}

/// Makes decisions while the flag is set. Returns how many failed, and the duration of the slowest.
fn load(redis: &Arc<Redis>, on: &Arc<AtomicBool>) -> JoinHandle<(u32, Duration)> {
    let (redis, on) = (redis.clone(), on.clone());
    tokio::spawn(async move {
        let (mut failed, mut slowest) = (0, Duration::ZERO);
        while on.load(Ordering::Relaxed) {
            let started = Instant::now();
            failed += u32::from(hit(&redis, 1).await.is_err());
            slowest = slowest.max(started.elapsed());
            sleep(Duration::from_millis(2)).await;
        }
        (failed, slowest)
    })
}

#[tokio::test]
async fn a_master_that_dies_under_load_is_followed_by_its_replica() {
    let fleet = Fleet::start();
    let redis = Arc::new(connected(&fleet).await);
    let on = Arc::new(AtomicBool::new(true));
    let load = load(&redis, &on);
    sleep(Duration::from_millis(200)).await;
    let Fleet { master, replica, sentinels: _sentinels } = fleet;
    let _restart = master.kill();
    let replica = elected(replica).await;
    recovers(&redis).await;
    on.store(false, Ordering::Relaxed);
    let (failed, slowest) = load.await.expect("the load");
    assert!(failed > 0, "the master was away");
    assert!(slowest < 50 * DEADLINE, "nobody waits for an election: {slowest:?}");
    let before = replica.calls("evalsha");
    answer(&redis, 1).await.expect("a decision");
    assert_eq!(replica.calls("evalsha"), before + 1, "the replica decides");
}

/// The next master has the states of the previous one, as far as they were replicated.
#[tokio::test]
async fn a_master_that_hangs_is_followed_by_its_replica() {
    let fleet = Fleet::start();
    let redis = connected(&fleet).await;
    let (key, rates) = (Key::from(7_u32), [Rate::per_day(3)]);
    let charges = [Charge::new("t", &key, &FixedWindow, &rates, 2)];
    redis.decide(&charges, Mode::Consume).await.expect("a decision");
    let Fleet { master, replica, sentinels: _sentinels } = fleet;
    until("the charge at the replica", || replica.try_ask::<u64>("DBSIZE") == Some(1));
    master.stop();
    let _replica = elected(replica).await;
    recovers(&redis).await;
    let verdict = redis.decide(&charges, Mode::Consume).await.expect("a decision");
    assert_eq!(verdict.quotas[0].remaining(), 1);
    assert!(!verdict.quotas[0].fits());
}

#[tokio::test]
async fn a_master_that_is_demoted_is_left_for_the_new_one() {
    let fleet = Fleet::start();
    let redis = connected(&fleet).await;
    answer(&redis, 1).await.expect("a decision");
    // By commands, because then no connection is cut.
    let () = fleet.replica.ask("REPLICAOF NO ONE");
    let () = fleet.master.ask(&format!("REPLICAOF 127.0.0.1 {}", fleet.replica.port));
    for sentinel in &fleet.sentinels {
        let () = sentinel.ask("SENTINEL REMOVE it");
        let () = sentinel.ask(&format!("SENTINEL MONITOR it 127.0.0.1 {} 2", fleet.replica.port));
    }
    let error = answer(&redis, 1).await.expect_err("it cannot write");
    assert_eq!(error.kind(), ErrorKind::Store);
    let source = std::error::Error::source(&error).expect("what Redis said").to_string();
    assert!(source.contains("read"), "{source}");
    recovers(&redis).await;
    assert!(fleet.replica.calls("evalsha") > 0);
}

#[tokio::test]
async fn sentinels_that_are_gone_or_hang_keep_nobody_waiting() {
    let mut fleet = Fleet::start();
    fleet.sentinels[0].stop();
    // Connections to its port are refused from now on.
    let gone = fleet.sentinels.remove(1);
    let urls = [fleet.sentinels[0].url(), gone.url(), fleet.sentinels[1].url()];
    drop(gone);
    let mut at_once = 0;
    for _ in 0..20 {
        let redis = Redis::sentinel(&urls, "it").build().expect("a backend");
        at_once += u32::from(redis.initialize().await.is_ok());
    }
    // A third of them first call the sentinel that hangs. A busy machine may be late by itself.
    assert!(at_once >= 17, "the third one answers: {at_once}");
    fleet.sentinels[1].stop();
    let redis = Redis::sentinel(&urls, "it").build().expect("a backend");
    let started = Instant::now();
    let error = redis.initialize().await.expect_err("nobody answers");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(error.to_string().contains("sentinel") || error.is_timeout(), "{error}");
    fleet.sentinels.iter().for_each(Server::resume);
    recovers(&redis).await;
}

#[tokio::test]
async fn who_is_no_master_is_not_used() {
    let master = Server::start();
    let replica = Server::with(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
    // The sentinel has not noticed yet that it watches a replica.
    let confused = sentinel(&replica, None, "");
    let redis = Redis::sentinel([confused.url()], "it").build().expect("a backend");
    let error = redis.initialize().await.expect_err("a replica");
    assert_eq!(error.to_string(), "the server is not a master: its role is slave");
    let redis = Redis::new(&replica.url()).expect("a backend");
    assert_eq!(redis.initialize().await.expect_err("a replica").kind(), ErrorKind::Store);
    let redis = Redis::new(&confused.url()).expect("a backend");
    let error = redis.initialize().await.expect_err("a sentinel");
    assert_eq!(error.to_string(), "the server is not a master: its role is sentinel");
    // The same server after it has become a master.
    let redis = replica.backend();
    redis.initialize().await.expect_err("a replica");
    let () = replica.ask("REPLICAOF NO ONE");
    recovers(&redis).await;
}

#[tokio::test]
async fn sentinels_and_their_master_have_passwords_of_their_own() {
    let master = Server::with_password("s3cret-master");
    let watch = sentinel(
        &master,
        Some("s3cret-watch"),
        "sentinel auth-pass it s3cret-master\nrequirepass s3cret-watch",
    );
    let url = format!("redis://:s3cret-watch@127.0.0.1:{}", watch.port);
    let builder = || Redis::sentinel([&url], "it");
    let redis = builder().password("s3cret-master").build().expect("a backend");
    redis.initialize().await.expect("a connection");
    answer(&redis, 0).await.expect("a decision");
    let told = format!("{redis:?} {:?}", builder().password("s3cret-master"));
    assert!(told.contains(&format!("it by 127.0.0.1:{}", watch.port)), "{told}");
    assert!(!told.contains("s3cret"), "{told}");
    for wrong in [
        builder(),
        builder().password("s3cret-watch"),
        Redis::sentinel([watch.url()], "it"),
        Redis::sentinel([format!("redis://:s3cret-wrong@127.0.0.1:{}", watch.port)], "it"),
    ] {
        let error = wrong.build().expect("a backend").initialize().await.expect_err("not let in");
        let told = format!("{error} {error:?}");
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[tokio::test]
async fn what_sentinels_do_not_know_is_an_error_that_says_so() {
    let master = Server::start();
    let watch = sentinel(&master, None, "");
    let redis = Redis::sentinel([watch.url()], "another").build().expect("a backend");
    let error = redis.initialize().await.expect_err("nobody knows it");
    assert_eq!(error.to_string(), "the sentinels have no master with the name \"another\"");
    let problem = Redis::sentinel([""; 0], "it").build().expect_err("no sentinels").to_string();
    assert!(problem.contains("configure at least one"), "{problem}");
    let problem = Redis::sentinel(["s3cret"], "it").build().expect_err("no URL").to_string();
    assert!(problem.contains("this is not a Redis URL") && !problem.contains("s3cret"), "{problem}");
    let usual = format!("{:?}", Redis::sentinel(["redis://localhost"], "it"));
    assert!(usual.contains("it by localhost:26379"), "{usual}");
}

#[tokio::test]
async fn states_are_in_the_database_that_was_said() {
    let fleet = Fleet::shared();
    let redis = fleet.builder().database(3).namespace(namespace()).build().expect("a backend");
    redis.initialize().await.expect("a connection");
    answer(&redis, 0).await.expect("a decision");
    assert!(fleet.master.ask::<String>("INFO keyspace").contains("db3:"));
}
