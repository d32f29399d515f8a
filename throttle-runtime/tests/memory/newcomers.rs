//! Honest clients are rarely denied, however many other clients were evicted.

use std::time::Duration;

use throttle_runtime::strategy::{FixedWindow, Strategy};
use throttle_runtime::{ManualClock, Rates};

use crate::evicted::{hit, memory, strategies};

fn rates(rates: &str) -> Rates {
    rates.parse().expect("rates")
}

/// Returns how many of this many new clients are denied, with one request each.
fn denied(max_keys: usize, others: (&str, u32), strategy: &dyn Strategy, limits: &str, clients: u32) -> u32 {
    let clock = ManualClock::new();
    let memory = memory(max_keys, &clock);
    for client in 0..others.1 {
        hit(&memory, "others", client, (&FixedWindow, &rates(others.0)));
    }
    let limits = rates(limits);
    let mut denied = 0;
    for client in 0..clients {
        clock.advance(Duration::from_micros(60_000_000 / u64::from(clients)));
        denied += u32::from(!hit(&memory, "t", client, (strategy, &limits)));
    }
    denied
}

/// The strategies of whose states the sketches keep only the end, so that each collision denies a newcomer.
const OPAQUE: [&str; 2] = ["cost-based-token-bucket", "of-a-user"];

/// All other strategies: a collision adds usage, and the share of denied newcomers is guaranteed.
fn with_usage() -> impl Iterator<Item = Box<dyn Strategy>> {
    strategies().into_iter().filter(|strategy| !OPAQUE.contains(&strategy.name()))
}

#[test]
fn f02_long_states_of_another_throttle_lock_nobody_out() {
    for strategy in with_usage() {
        assert!(denied(100, ("10000/day", 100), &*strategy, "5/min", 500) <= 1, "{strategy:?}");
    }
    for limits in ["5/min", "5/min, 500/hour", "10000/day"] {
        let denied = denied(1_000, ("10000/day", 1_000), &FixedWindow, limits, 20_000);
        assert!(denied <= 20, "{limits}: {denied}");
    }
    // A single collision is enough to deny a client that may come once.
    let denied = denied(1_000, ("10000/day", 1_000), &FixedWindow, "1/min", 20_000);
    assert!(denied <= 100, "{denied}");
}

#[test]
fn f02_the_share_of_denied_newcomers_does_not_grow_with_their_number() {
    for strategy in with_usage() {
        let denied = denied(64, ("10000/day", 64), &*strategy, "5/min", 2_000);
        assert!(denied <= 4, "{strategy:?}: {denied}");
    }
    for clients in [2_000, 40_000] {
        let denied = denied(1_000, ("10000/day", 1_000), &FixedWindow, "5/min", clients);
        assert!(denied <= clients / 1_000, "{denied} of {clients}");
    }
}

#[test]
fn f02_the_usage_of_a_long_limit_is_not_read_as_that_of_a_short_one() {
    for strategy in with_usage() {
        let clock = ManualClock::new();
        let (memory, limits) = (memory(64, &clock), rates("5/min, 500/hour"));
        let limit: (&dyn Strategy, &Rates) = (&*strategy, &limits);
        for minute in 0..58_u32 {
            for client in 0..20_u32 {
                hit(&memory, "t", (minute, client), limit);
            }
            clock.advance(Duration::from_secs(60));
        }
        let denied = (0..100_u32).filter(|client| !hit(&memory, "t", *client, limit)).count();
        assert!(denied <= 1, "{strategy:?}: {denied}");
    }
}

/// Clients return repeatedly, so the usage that collisions add could accumulate.
#[test]
fn f02_usage_does_not_creep_up_while_clients_come_and_go() {
    for strategy in with_usage() {
        let clock = ManualClock::new();
        let (memory, limits) = (memory(64, &clock), rates("10/min"));
        let mut denied = [0_u32; 10];
        // Each client makes four requests per minute.
        for denied in &mut denied {
            for _ in 0..4 {
                for client in 0..150_u32 {
                    clock.advance(Duration::from_millis(100));
                    *denied += u32::from(!hit(&memory, "t", client, (&*strategy, &limits)));
                }
            }
        }
        assert!(denied[9] <= 1, "{strategy:?}: {denied:?}");
    }
}

/// A flood does not evict the clients that are at their limit, and does not lock out other clients.
#[test]
fn f02_a_flood_keeps_the_limit_of_known_clients_and_the_door_open_for_new_ones() {
    let clock = ManualClock::new();
    let (memory, limits) = (memory(1_000, &clock), rates("10/day"));
    let once = |key: u32| hit(&memory, "t", key, (&FixedWindow, &limits));
    for key in 0..100 {
        while once(key) {}
    }
    let honest = |key: u32| !once(2_000_000_000 + key);
    let mut denied = 0;
    for client in 0..20_000 {
        once(1_000_000 + client);
        denied += u32::from(client % 10 == 0 && honest(client));
    }
    assert!(denied <= 5, "{denied} of 2000");
    assert!(!(0..100).any(once));
}
