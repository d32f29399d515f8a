//! Servers that can never decide: they are found at the first connection, and reported in one line.

use std::time::Duration;

use throttle_runtime::backend::{Backend, Redis};
use throttle_runtime::{ErrorKind, registry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::failures::{answer, hit, recovers};
use crate::fake::{self, Fake};
use crate::nodes::Nodes;
use crate::server::Server;

/// Returns the line that reports the problem, at startup and by each request, which is not sent.
async fn said(url: &str) -> String {
    let redis = Redis::builder(url).remember_denied(false).build().expect("a backend");
    let error = redis.initialize().await.expect_err("it can never decide");
    let line = error.to_string();
    assert!(!line.contains('\n'), "{line}");
    assert!(!redis.is_connected());
    let again = hit(&redis, 1).await.expect_err("nobody can decide").expect("at once");
    assert!(again.is_safe_to_retry(), "{again:?}");
    let started = registry().backend("redis", redis).build().await.expect_err("it is found at the start");
    assert!(started.to_string().contains(&line), "{started} does not contain {line}");
    line
}

#[tokio::test]
async fn f39_a_redis_that_is_too_old_is_named_with_its_version() {
    let old = Fake::start(fake::redis_6_0).await;
    assert_eq!(said(&old.url()).await, format!("Redis 6.2 or later is needed, {} is 6.0.9", old.address()));
    let older = Fake::start(fake::redis_5).await;
    assert_eq!(
        said(&older.url()).await,
        format!("Redis 6.2 or later is needed, {} is 5.0.14", older.address())
    );
    let oldest = Fake::start(fake::without_time).await;
    assert_eq!(
        said(&oldest.url()).await,
        format!("Redis 6.2 or later is needed, {} is 4.0.14", oldest.address())
    );
}

#[tokio::test]
async fn f39_a_lua_without_struct_is_named() {
    let server = Fake::start(fake::without_struct).await;
    let said = said(&server.url()).await;
    assert!(said.contains("struct") && said.contains(&server.address()) && said.contains("7.0.15"), "{said}");
}

#[tokio::test]
async fn f39_scripts_that_are_disabled_are_named() {
    for command in ["EVAL", "EVALSHA"] {
        let server = Server::with(&["--rename-command", command, ""]);
        let said = said(&server.url()).await;
        assert!(said.contains(command) && said.contains(&server.port.to_string()), "{said}");
    }
}

#[tokio::test]
async fn f39_a_user_who_may_not_decide_is_told_what_is_missing() {
    let server = Server::start();
    let everything = "reset on >s3cret ~throttle:* +@all";
    for (rules, what) in [
        ("-eval", "EVAL"),
        ("-evalsha", "EVALSHA"),
        ("-time", "TIME"),
        ("-get", "GET"),
        ("-set", "SET"),
        ("-@write", "SET"),
        ("-del", "DEL"),
        ("-setrange", "SETRANGE"),
        ("resetkeys ~other:*", "throttle:probe"),
        ("resetkeys %R~throttle:*", "throttle:probe"),
        ("-@scripting", "EVAL"),
    ] {
        let () = server.ask(&format!("ACL SETUSER one {everything} {rules}"));
        let said = said(&format!("redis://one:s3cret@127.0.0.1:{}", server.port)).await;
        assert!(said.contains(what) && said.contains("may not"), "{rules}: {said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    // The key pattern has to match the namespace.
    let () = server.ask(&format!("ACL SETUSER one {everything} resetkeys ~shop:*"));
    let url = format!("redis://one:s3cret@127.0.0.1:{}", server.port);
    let redis = Redis::builder(&url).namespace("shop").build().expect("a backend");
    redis.initialize().await.expect("it can decide");
    assert_eq!(server.ask::<u64>("DBSIZE"), 0, "nothing is left of it");
}

#[tokio::test]
async fn f39_a_replica_that_only_reads_is_named() {
    let master = Server::start();
    let replica = Server::with(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
    let line = said(&replica.url()).await;
    assert!(line.contains("not a master"), "{line}");
    // Also if the user may not call `ROLE`.
    let () = replica.ask("ACL SETUSER one reset on >s3cret ~* +@all -role");
    let line = said(&format!("redis://one:s3cret@127.0.0.1:{}", replica.port)).await;
    assert!(line.contains("read-only replica"), "{line}");
}

#[tokio::test]
async fn f39_f65_a_server_that_is_no_redis_is_named() {
    let http = server_that_says("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(
        said(&format!("redis://127.0.0.1:{http}")).await,
        format!("127.0.0.1:{http} is an HTTP server, not Redis")
    );
    let memcached = server_that_says("ERROR\r\nERROR\r\n").await;
    let line = said(&format!("redis://127.0.0.1:{memcached}")).await;
    assert_eq!(line, format!("127.0.0.1:{memcached} is a Memcached server, not Redis"));
    let mail = server_that_says("220 mail.example ESMTP\r\n").await;
    let line = said(&format!("redis://:password@127.0.0.1:{mail}")).await;
    assert_eq!(line, format!("127.0.0.1:{mail} is another kind of server, not Redis"));
}

/// Starts a server that sends one text whatever it receives, and closes the connection. Returns its port.
async fn server_that_says(text: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 64]).await;
            let _ = client.write_all(text.as_bytes()).await;
        }
    });
    port
}

/// A temporary problem is no reason to reject a server.
#[tokio::test]
async fn f39_a_server_that_cannot_write_for_now_is_used() {
    let server = Server::start();
    let () = server.ask("CONFIG SET maxmemory 1");
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    let error = answer(&redis, 1).await.expect_err("no memory");
    assert!(error.is_safe_to_retry(), "{error:?}");
    let () = server.ask("CONFIG SET maxmemory 0");
    let () = server.ask("CONFIG SET min-replicas-to-write 1");
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    let error = answer(&redis, 1).await.expect_err("no replicas");
    assert!(error.is_safe_to_retry(), "{error:?}");
    let () = server.ask("CONFIG SET min-replicas-to-write 0");
    assert!(answer(&redis, 1).await.expect("a decision"));
}

/// A server that becomes able to decide is used without a restart of the program.
#[tokio::test]
async fn f39_a_server_that_is_put_right_is_used() {
    let server = Server::start();
    let () = server.ask("ACL SETUSER one reset on >s3cret ~throttle:* +@all -evalsha");
    let redis = Redis::builder(&format!("redis://one:s3cret@127.0.0.1:{}", server.port));
    let redis = redis.remember_denied(false).build().expect("a backend");
    redis.initialize().await.expect_err("EVALSHA is missing");
    let () = server.ask("ACL SETUSER one +evalsha");
    recovers(&redis).await;
}

#[tokio::test]
async fn f39_nodes_of_a_cluster_are_probed_in_their_own_slots() {
    let servers = Nodes::start();
    for node in &servers.masters {
        let () = node.ask("ACL SETUSER one reset on >s3cret ~throttle:* +@all -setrange");
    }
    let urls = servers.masters.iter().map(|node| format!("redis://one:s3cret@127.0.0.1:{}", node.port));
    let redis = Redis::cluster(urls).build().expect("a backend");
    let said = redis.initialize().await.expect_err("it can never decide").to_string();
    assert!(said.contains("SETRANGE"), "{said}");
}

#[tokio::test]
async fn f65_a_server_with_too_many_clients_is_understood() {
    let server = Server::start();
    let mut held = server.connect();
    let () = redis::cmd("CONFIG").arg("SET").arg("maxclients").arg(1).query(&mut held).expect("set");
    for _ in 0..20 {
        let error = server.backend().initialize().await.expect_err("too many");
        assert_eq!(error.kind(), ErrorKind::Connection, "{error:?}");
        let said = std::error::Error::source(&error).expect("what Redis said").to_string();
        assert_eq!(said, "ERR max number of clients reached");
    }
}

/// Each cause is reported once.
#[tokio::test]
async fn f65_no_cause_is_told_twice() {
    let server = Server::start();
    let port = server.port;
    drop(server);
    let redis = Redis::new(&format!("redis://127.0.0.1:{port}")).expect("a backend");
    let refused = redis.initialize().await.expect_err("nobody is there");
    let server = Server::start();
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    let _gone = server.kill();
    let begun = std::time::Instant::now();
    let lost = loop {
        if let Err(Some(error)) = hit(&redis, 1).await {
            break error;
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    };
    for error in [refused, lost] {
        let mut text = error.to_string();
        let mut next = std::error::Error::source(&error);
        while let Some(cause) = next {
            assert!(!text.contains(&cause.to_string()), "{text}: {cause}");
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        assert!(!text.to_lowercase().contains("broken pipe"), "{text}");
    }
}

#[tokio::test]
async fn f62_a_server_without_hello_is_used() {
    let server = Server::with(&["--rename-command", "HELLO", ""]);
    for parameter in ["", "?protocol=resp2", "?protocol=2"] {
        let redis = Redis::builder(&format!("{}/{parameter}", server.url())).build().expect("a backend");
        redis.initialize().await.expect("a connection");
        assert!(answer(&redis, 1).await.expect("a decision"));
    }
    // A loss is noticed before a request fails because of it, as with the newer protocol version.
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    let _server = server.kill()();
    let begun = std::time::Instant::now();
    while !redis.is_connected() || hit(&redis, 1).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn f62_the_version_of_the_protocol_is_that_of_the_url() {
    let server = Server::start();
    let connect = async |parameter: &str| {
        let redis = Redis::builder(&format!("{}/{parameter}", server.url())).build().expect("a backend");
        redis.initialize().await.expect("a connection");
        assert!(answer(&redis, 1).await.expect("a decision"));
    };
    connect("?protocol=resp2").await;
    assert_eq!(server.calls("hello"), 0);
    connect("?protocol=resp3").await;
    assert_eq!(server.calls("hello"), 1);
}
