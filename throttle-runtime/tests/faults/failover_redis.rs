//! Faults of Redis only, for throttles with a fallback: servers that respond, and do not decide.

use std::time::Duration;

use redis::Connection;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::failover::{Client, LIMIT};
use crate::server::Server;
use crate::server_redis::{Reached, Way};
use crate::world::{PATIENCE, World};

fn redis(world: &World) -> &Reached {
    match &world.server {
        Server::Redis(reached) => reached,
        Server::Memcached(_) => unreachable!("it is Redis"),
    }
}

/// Sends a command on a connection of the test, also while other clients are rejected.
fn tell(connection: &mut Connection, words: &[&str]) {
    let _: redis::Value = redis::cmd(words[0]).arg(&words[1..]).query(connection).expect("an answer");
}

/// A command causes a fault, and another command ends it.
async fn survives(happens: &[&str], ends: &[&str]) {
    let world = World::redis().await;
    let mut client = Client::new(&world).await;
    let mut other = redis(&world).connect();
    tell(&mut other, happens);
    client.asks(60).await;
    tell(&mut other, ends);
    client.ends().await;
}

/// Row 4.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_pauses() {
    survives(&["CLIENT", "PAUSE", "60000", "ALL"], &["CLIENT", "UNPAUSE"]).await;
}

/// Row 6.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_memory() {
    survives(&["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"]).await;
}

/// Row 7, with a master that does not exist, so that no data is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_no_master_for_a_time() {
    survives(&["REPLICAOF", "127.0.0.1", "1"], &["REPLICAOF", "NO", "ONE"]).await;
}

/// Row 10.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_let_in_any_more() {
    let world = World::redis().await;
    let mut client = Client::new(&world).await;
    let mut other = redis(&world).connect();
    tell(&mut other, &["CONFIG", "SET", "requirepass", "s3cret"]);
    tell(&mut other, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    client.asks(60).await;
    tell(&mut other, &["CONFIG", "SET", "requirepass", ""]);
    client.ends().await;
}

/// Row 8: the server has saved the charges.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_loads() {
    let world =
        World::of(Server::Redis(Way::Alone.with(&["--key-load-delay", "1500", "--rdbcompression", "no"])));
    let world = world.await;
    let mut client = Client::new(&world).await;
    let fill = "for i = 1, 2000 do redis.call('SET', 'k' .. i, string.rep('x', 20000)) end";
    tell(&mut redis(&world).connect(), &["EVAL", fill, "0"]);
    let () = redis(&world).ask("SAVE");
    let World { server: Server::Redis(reached), proxy: _proxy, .. } = world else {
        unreachable!("it is Redis")
    };
    let restart = spawn_blocking(reached.kill());
    while !restart.is_finished() {
        client.ask().await;
        sleep(Duration::from_millis(20)).await;
    }
    let _reached = restart.await.expect("a server");
    client.ends().await;
}

/// Row 9: no client notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_that_are_gone() {
    let world = World::redis().await;
    let mut client = Client::new(&world).await;
    client.waits(PATIENCE);
    for _ in 0..50 {
        let () = redis(&world).ask("SCRIPT FLUSH");
        client.ask().await;
    }
    assert_eq!((client.admitted, client.failed), (LIMIT, 0));
}

/// Row 11: a damaged state starts again, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_are_no_states() {
    let world = World::redis().await;
    let mut client = Client::new(&world).await;
    client.waits(PATIENCE);
    for name in redis(&world).ask::<Vec<String>>("KEYS *") {
        let () = redis(&world).ask(&format!("SET {name} words"));
    }
    client.asks(100).await;
    assert_eq!((client.admitted, client.failed), (40 + LIMIT, 0));
}
