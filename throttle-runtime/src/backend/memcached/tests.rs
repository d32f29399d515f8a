//! The store contract on a real server: the backend needs a part of it only.

use std::sync::Arc;

use self::server::Server;
use super::nodes::Nodes;
use super::servers::Servers;
use crate::ManualClock;
use crate::testkit::{Subject, store};

#[expect(dead_code, reason = "a test of the store needs its address only")]
#[path = "../../../tests/servers/memcached.rs"]
mod server;

/// A reset forgets all of a namespace, which is all that a backend asks for, and not what begins in some way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_a_store_but_for_resets_of_parts_of_a_namespace() {
    let server = Server::start();
    let make = || async {
        let clock = ManualClock::new();
        let servers = Servers::new(Nodes::new([server.address()]), Arc::new(clock.clone()));
        Subject::new(servers).clock(clock)
    };
    let found = store::violations(make).await;
    let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["b074_reset_removes_its_prefix_only", "b074_a_prefix_is_no_pattern"], "{found:#?}");
}
