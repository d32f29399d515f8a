//! How long states are kept, and what remains of the states that they replace.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use throttle_runtime::backend::{Backend, Charge, Mode};
use throttle_runtime::strategy::{FixedWindow, Gcra, SlidingWindowLog, Strategy};
use throttle_runtime::{Key, Quota, Rate};

use crate::server::Server;

#[tokio::test]
async fn a_state_is_kept_as_long_as_it_matters_and_not_much_longer() {
    let server = Server::start();
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    let gcra = Gcra::new().burst(10_000);
    let strategies: [(&dyn Strategy, u64); 2] = [(&gcra, 200), (&SlidingWindowLog, 20)];
    // Alone and with others, for which the script has separate code.
    for ((strategy, cost), others) in strategies.into_iter().flat_map(|each| [(each, 0), (each, 3_u32)]) {
        let rates = [Rate::new(1_000, Duration::from_secs(2)).expect("a rate")];
        let keys: Vec<Key> = (0..=others).map(Key::from).collect();
        let scope = format!("t{others}");
        let charges = keys.iter().map(|key| [Charge::new(&scope, key, strategy, &rates, cost)]);
        let charges: Vec<_> = charges.collect();
        for hit in 0..40 {
            let asked = Instant::now();
            let verdicts = join_all(charges.iter().map(|charge| redis.decide(charge, Mode::Consume))).await;
            let longest = verdicts.into_iter().map(|verdict| {
                let quotas = verdict.expect("a decision").quotas;
                quotas.iter().map(Quota::reset_after).max().unwrap_or_default()
            });
            let (longest, mut left) = (longest.max().unwrap_or_default(), Vec::new());
            for name in server.ask::<Vec<String>>("KEYS *") {
                left.push(server.ask::<u64>(&format!("PTTL {name}")));
            }
            let least = longest.saturating_sub(asked.elapsed()).as_millis().saturating_sub(20);
            let most = longest.as_millis() + 16_000;
            for left in left {
                let name = strategy.name();
                assert!(u128::from(left) >= least, "{name}: {left} of {least} ms, hit {hit}");
                assert!(u128::from(left) <= most, "{name}: {left} of at most {most} ms, hit {hit}");
            }
        }
        let () = server.ask("FLUSHALL");
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_longer_state() {
    let server = Server::start();
    let redis = server.backend();
    redis.initialize().await.expect("a connection");
    let (key, rates) = (Key::from("a"), [Rate::per_day(100)]);
    let charges = [Charge::new("t", &key, &FixedWindow, &rates, 1)];
    for hit in 1..=3 {
        let verdict = redis.decide(&charges, Mode::Consume).await.expect("a decision");
        assert_eq!(verdict.quotas[0].remaining(), 100 - hit);
        let name = server.ask::<Vec<String>>("KEYS *").remove(0);
        assert_eq!(server.ask::<u64>(&format!("STRLEN {name}")), 16);
        assert!(server.ask::<i64>(&format!("PTTL {name}")) > 0, "it ends");
        // The mark of a hold that ended long ago.
        let mut mark = redis::cmd("APPEND");
        let _: u64 = mark.arg(name).arg(&[1_u8; 17]).query(&mut server.connect()).expect("an answer");
    }
}
