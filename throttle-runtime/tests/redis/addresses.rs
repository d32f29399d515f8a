//! Servers that do not know their own address, or announce one that cannot be used here.

use std::net::Ipv4Addr;

use throttle_runtime::backend::{Backend, Redis};

use crate::failures::answer;
use crate::fake::Fake;
use crate::fleet::until;
use crate::nodes::{Nodes, SLOTS, client_in, id, slot_of};
use crate::server::Server;

/// An address without a server.
const ELSEWHERE: &str = "192.0.2.1";

fn here(_: &str, port: u16) -> (String, u16) {
    (Ipv4Addr::LOCALHOST.to_string(), port)
}

/// Nodes that announce no address, or `?` because they have no name: they are reached at the address of the
/// node that replied.
#[tokio::test]
async fn f64_unknown_endpoints_are_where_the_node_is_that_answered() {
    for kind in ["unknown-endpoint", "hostname"] {
        let nodes = Nodes::start();
        for node in &nodes.masters {
            let () = node.ask(&format!("CONFIG SET cluster-preferred-endpoint-type {kind}"));
        }
        let redis =
            Redis::cluster([nodes.masters[0].url()]).remember_denied(false).build().expect("a backend");
        redis.initialize().await.expect("a connection to each master");
        for slots in [0..=4_999, SLOTS[1].clone(), SLOTS[2].clone()] {
            assert!(answer(&redis, client_in(&nodes.masters[0], &slots)).await.expect("a decision"));
        }
        // A redirection names its target in the same way. A slot without keys can be moved without a migration.
        let client = client_in(&nodes.masters[0], &(5_000..=5_460));
        let slot = slot_of(&nodes.masters[0], &client.into());
        for node in [2, 0, 1] {
            let () =
                nodes.masters[node].ask(&format!("CLUSTER SETSLOT {slot} NODE {}", id(&nodes.masters[2])));
        }
        assert!(answer(&redis, client).await.expect("a decision"), "{kind}");
    }
}

/// A node in a container announces the address that it has there.
#[tokio::test]
async fn f64_addresses_of_nodes_can_be_mapped() {
    let server = Server::node_with(None, &["--cluster-announce-ip", ELSEWHERE]);
    let () = server.ask("CLUSTER ADDSLOTSRANGE 0 16383");
    until("the cluster", || server.says("CLUSTER INFO", "cluster_state:ok"));
    let redis = Redis::cluster([server.url()]).address_map(here).remember_denied(false);
    let redis = redis.build().expect("a backend");
    redis.initialize().await.expect("a connection");
    assert!(answer(&redis, 1).await.expect("a decision"));
}

#[tokio::test]
async fn f64_the_address_of_a_master_can_be_mapped() {
    let server = Server::start();
    let port = server.port.to_string();
    let sentinel = Fake::start(move |command| match command[0].as_str() {
        "SENTINEL" => {
            let (host, port) = (ELSEWHERE, &port);
            format!("*2\r\n${}\r\n{host}\r\n${}\r\n{port}\r\n", host.len(), port.len())
        }
        _ => "-ERR unknown command\r\n".to_owned(),
    })
    .await;
    let redis = Redis::sentinel([sentinel.url()], "main").address_map(here).remember_denied(false);
    let redis = redis.build().expect("a backend");
    redis.initialize().await.expect("a connection");
    assert!(answer(&redis, 1).await.expect("a decision"));
}
