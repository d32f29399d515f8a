//! Packets that are really lost, in a network of the test's own. It needs root and `nft`.

use std::future::Future;
use std::process::{Command, Stdio};

use crate::world::World;

/// Tells a process that it has its own network.
const INSIDE: &str = "THROTTLE_TEST_NETWORK";

/// Runs a test in a process with another network, because firewall rules of this one affect all of its users.
fn in_a_network_of_its_own<F: Future<Output = ()>>(test: &str, scenario: impl FnOnce() -> F) {
    if std::env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"]);
        run("nft", &["add table inet faults"]);
        run("nft", &["add chain inet faults input { type filter hook input priority 0; }"]);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        return runtime.block_on(scenario());
    }
    let may = Command::new("unshare").args(["-n", "nft", "list", "tables"]).stderr(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("{test} is left out: it takes root and `apt-get install nftables`");
        return;
    }
    let this = std::env::current_exe().expect("this test");
    let mut inside = Command::new("unshare");
    inside.arg("-n").arg(this).args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    assert!(inside.status().expect("the same test").success());
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().expect("the program");
    assert!(status.success(), "{program} {arguments:?}");
}

/// Drops this percentage of the packets between the backend and the proxy, in each direction.
fn lose(world: &World, of_hundred: u32) {
    run("nft", &["flush chain inet faults input"]);
    for end in ["dport", "sport"] {
        let (port, kept) = (world.proxy.port, 100 - of_hundred);
        let rule =
            format!("add rule inet faults input tcp {end} {port} numgen random mod 100 >= {kept} drop");
        run("nft", &[&rule]);
    }
}

fn lose_nothing() {
    run("nft", &["flush chain inet faults input"]);
}

/// Makes requests while packets are lost, and after that.
async fn loses(world: World, of_hundred: u32, requests: u32) {
    let before = world.proxy.accepted();
    lose(&world, of_hundred);
    let mut all = world.hits(requests).await;
    assert!(all.undecided() > 0, "packets are lost: {all}");
    let more = world.proxy.accepted() - before;
    assert!(more <= all.undecided(), "{more} connections: {all}");
    lose_nothing();
    all += world.recovers().await;
    all += world.hits(10).await;
    all.expect_in_time();
    all.admitted += 3;
    world.expect_charged(&all, 0..=all.undecided()).await;
}

/// Row 17.
#[test]
fn a_third_of_all_packets_lost_costs_deadlines_and_charges_nothing_twice() {
    let test = "packets::a_third_of_all_packets_lost_costs_deadlines_and_charges_nothing_twice";
    in_a_network_of_its_own(test, || async {
        loses(World::redis().await, 30, 60).await;
        loses(World::memcached().await, 30, 60).await;
    });
}

/// Row 2.
#[test]
fn a_network_that_parts_costs_deadlines_and_charges_nothing_twice() {
    let test = "packets::a_network_that_parts_costs_deadlines_and_charges_nothing_twice";
    in_a_network_of_its_own(test, || async {
        loses(World::redis().await, 100, 20).await;
        loses(World::memcached().await, 100, 20).await;
    });
}
