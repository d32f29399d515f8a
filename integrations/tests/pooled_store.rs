//! The store in `examples/pooled_store`: the promises of stores, and what the kit does not test: the pool, errors,
//! and leftover data.

#![cfg(unix)]

#[path = "../examples/pooled_store/pooled.rs"]
mod pooled;
mod postgres;
#[path = "../examples/pooled_store/statements.rs"]
mod statements;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use pooled::{Pooled, PooledError};
use throttle::ErrorKind;
use throttle::backend::{Backend, Store, StoreBackend};
use throttle::testkit::{Subject, conformance};
use tokio::task::JoinSet;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

fn config() -> Config {
    postgres::database().parse().expect("a database")
}

// On one server, because starting it takes a second. No property uses the keys of another property.
conformance!(s13_pooled, store: || async {
    let pooled = Pooled::new(config(), 4);
    pooled.initialize().await.expect("it is there");
    Subject::new(pooled)
});

/// A connection outside of the pool, to observe the store.
async fn observer(config: Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

async fn count(observer: &Client, what: &str) -> i64 {
    observer.query_one(&format!("SELECT count(*) FROM {what}"), &[]).await.expect("a number").get(0)
}

#[tokio::test]
async fn s13_the_pool_is_built_in_initialize_and_closed_in_close() {
    const CONNECTIONS: &str = "pg_stat_activity WHERE application_name = 's13'";
    let mut named = config();
    named.application_name("s13");
    let (store, observer) = (Arc::new(Pooled::new(named, 3)), observer(config()).await);
    assert!(matches!(store.get("a").await, Err(PooledError::NotOpen)));
    assert_eq!(count(&observer, CONNECTIONS).await, 0);

    store.initialize().await.expect("a pool");
    assert_eq!(count(&observer, CONNECTIONS).await, 1, "others are made when they are needed");
    let mut tasks = JoinSet::new();
    for task in 0..30 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.set(&format!("s13:{task}"), "1", None).await.expect("a connection") });
    }
    tasks.join_all().await;
    assert_eq!(count(&observer, CONNECTIONS).await, 3, "30 calls share them");

    store.close().await.expect("an end");
    assert!(matches!(store.get("a").await, Err(PooledError::NotOpen)));
    // The server takes its time to notice.
    for _ in 0..2_000 {
        if count(&observer, CONNECTIONS).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("connections are left open");
}

/// Creates a database that no other test uses.
async fn fresh(name: &str) -> Config {
    observer(config()).await.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database");
    let mut fresh = config();
    fresh.dbname(name);
    fresh
}

/// As when several instances of a service start concurrently for the first time.
#[tokio::test]
async fn many_may_create_the_table_at_once() {
    let (fresh, mut tasks) = (fresh("many").await, JoinSet::new());
    for _ in 0..8 {
        let store = Pooled::new(fresh.clone(), 1);
        tasks.spawn(async move { store.initialize().await });
    }
    for created in tasks.join_all().await {
        created.expect("the table");
    }
}

/// Other holders may come and go between the draw of a token and the acquisition of the lock.
#[tokio::test]
async fn b072_tokens_rise_however_long_it_takes_to_get_the_lock() {
    const HESITATE: &str = "
        CREATE FUNCTION hesitate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF current_setting('application_name') = 'slow' THEN PERFORM pg_sleep(0.4); END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER hesitate BEFORE INSERT ON throttle FOR EACH ROW EXECUTE FUNCTION hesitate()";
    let (mut fresh, ttl) = (fresh("tokens").await, Duration::from_secs(60));
    let quick = Pooled::new(fresh.clone(), 1);
    let slow = Pooled::new(fresh.application_name("slow").clone(), 1);
    for store in [&quick, &slow] {
        store.initialize().await.expect("a pool");
    }
    observer(fresh).await.batch_execute(HESITATE).await.expect("a trigger");
    let last = tokio::spawn(async move { slow.try_lock("a", ttl).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let first = quick.try_lock("a", ttl).await.expect("an answer");
    if let Some(token) = first {
        assert!(quick.unlock("a", token).await.expect("an answer"));
    }
    let last = last.await.expect("no panic").expect("an answer");
    assert!(last > first, "{last:?} came after {first:?}");
}

#[tokio::test]
async fn b076_what_the_driver_said_is_the_source() {
    let mut config = config();
    let stored =
        StoreBackend::new(Pooled::new(config.options("-c default_transaction_read_only=on").clone(), 1));
    let error = stored.initialize().await.expect_err("nothing can be written");
    let Some(PooledError::Statement(source)) = error.source().and_then(|source| source.downcast_ref()) else {
        panic!("{error:?}");
    };
    assert_eq!(source.code(), Some(&SqlState::READ_ONLY_SQL_TRANSACTION));
    assert_eq!(error.kind(), ErrorKind::Store);
}

#[tokio::test]
async fn b077_a_database_that_is_not_there_is_told_at_the_start() {
    let nowhere = "host='/nowhere' user=throttle".parse().expect("a database");
    let error = StoreBackend::new(Pooled::new(nowhere, 1)).initialize().await.expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Connection);
    let source = error.source().and_then(|source| source.downcast_ref());
    assert!(matches!(source, Some(PooledError::Connect(_))), "{error:?}");
}

/// Counters that are not used again would stay forever if other writes did not remove them.
#[tokio::test]
async fn what_has_expired_is_removed_by_later_writes() {
    const LEFT: &str = "throttle WHERE key <> 'kept'";
    let alone = fresh("expiring").await;
    let (store, observer) = (Pooled::new(alone.clone(), 1), observer(alone).await);
    store.initialize().await.expect("a pool");
    for number in 0..400 {
        store
            .increment_within(&format!("left:{number}"), 1, 1, Duration::from_millis(1))
            .await
            .expect("a sum");
    }
    store.try_lock("left:lock", Duration::from_millis(1)).await.expect("a lock");
    assert!(count(&observer, LEFT).await > 0);
    for _ in 0..400 {
        store.set("kept", "1", None).await.expect("a write");
    }
    assert_eq!(count(&observer, LEFT).await, 0);
}

#[tokio::test]
async fn b074_a_reset_frees_no_locks() {
    let (store, ttl) = (Pooled::new(config(), 1), Duration::from_secs(60));
    store.initialize().await.expect("a pool");
    let token = store.try_lock("reset:lock", ttl).await.expect("an answer").expect("a lock");
    store.reset("reset:").await.expect("a reset");
    assert!(store.unlock("reset:lock", token).await.expect("an answer"), "it was still there");
}

#[tokio::test]
async fn the_last_of_several_values_of_one_key_is_kept() {
    let store = Pooled::new(config(), 1);
    store.initialize().await.expect("a pool");
    store.multi_set(&[("twice", "2"), ("once", "3"), ("twice", "1")], None).await.expect("a write");
    let found = store.multi_get(&["once", "twice"]).await.expect("values");
    assert_eq!(found, [Some("3".to_owned()), Some("1".to_owned())]);
}
