//! Servers that lose data, applications that restart, and clocks that jump: the usage starts again, and nothing
//! else.

use std::time::Duration;

use throttle_runtime::backend::Memcached;
use throttle_runtime::{ManualClock, Rate, registry};

use crate::server_memcached::Server;
use crate::tally::Tally;
use crate::world::{World, patient};
use crate::{on_each, on_each_way};

on_each! {
    what_the_server_forgets_begins_anew_and_no_more,
    an_application_that_restarts_goes_on_where_it_was,
}

on_each_way! {
    what_the_server_forgets_begins_anew_and_no_more,
    an_application_that_restarts_goes_on_where_it_was,
}

const TEN: u64 = 10;

/// Rows 25 and 34.
async fn what_the_server_forgets_begins_anew_and_no_more(world: World) {
    let settings = patient().rate(Rate::per_day(TEN));
    let (_registry, throttle) = world.server.throttle(world.proxy.port, settings).await;
    for _ in 0..10 {
        let mut all = Tally::default();
        for _ in 0..15 {
            all += Tally::of(&throttle, 1).await;
        }
        assert_eq!((all.admitted, all.denied), (TEN, 5), "{all}");
        world.server.forget();
    }
}

/// Row 31.
async fn an_application_that_restarts_goes_on_where_it_was(world: World) {
    let mut all = Tally::default();
    for _ in 0..4 {
        let settings = patient().rate(Rate::per_day(TEN));
        let (registry, throttle) = world.server.throttle(world.proxy.port, settings).await;
        for _ in 0..4 {
            all += Tally::of(&throttle, 1).await;
        }
        drop((registry, throttle));
    }
    assert_eq!((all.admitted, all.denied), (TEN, 6), "{all}");
}

/// Row 34: the least recently used items are evicted.
#[tokio::test]
async fn what_memcached_evicts_begins_anew_and_no_more() {
    let server = Server::with(&["-m", "2"]);
    let backend = Memcached::new([server.address()]);
    let registry = registry().backend("store", backend).build().await.expect("a registry");
    let settings = patient().rate(Rate::per_day(TEN)).backend("store");
    let throttle = registry.create("limit", settings).expect("a throttle");
    for _ in 0..3 {
        let mut all = Tally::default();
        for _ in 0..15 {
            all += Tally::of(&throttle, 1).await;
        }
        assert_eq!((all.admitted, all.denied), (TEN, 5), "{all}");
        // Of all sizes, because items are evicted only for items of the same size.
        for size in (20..200).step_by(20) {
            let value = "x".repeat(size);
            let set = |index| format!("set {index} 0 0 {size} noreply\r\n{value}\r\n");
            server.say(&((0..20_000).map(set).collect::<String>() + "mn\r\n"), "MN\r\n");
        }
    }
    let evictions = server.say("stats\r\n", "END\r\n");
    assert!(!evictions.contains("STAT evictions 0\r\n"), "{evictions}");
}

/// Row 24: with Memcached, the application's clock counts.
#[tokio::test]
async fn an_application_whose_clock_jumps_gives_one_allowance_each_time_and_locks_nobody_out() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let (server, clock) = (Server::start(), ManualClock::new());
    let backend = Memcached::new([server.address()]).clock(clock.clone());
    let registry = registry().backend("store", backend).build().await.expect("a registry");
    for rate in [Rate::per_minute(TEN), Rate::per_hour(TEN)] {
        let name = format!("{rate}");
        let throttle = registry.create(&name, patient().rate(rate).backend("store")).expect("a throttle");
        for jumps in 0..6 {
            let mut all = Tally::default();
            for _ in 0..15 {
                all += Tally::of(&throttle, 1).await;
            }
            assert!(all.admitted <= TEN && all.undecided() == 0, "{rate} after {jumps} jumps: {all}");
            let wait = throttle.quotas(1_u32).await.expect("an answer").reset_after().expect("a time");
            assert!(wait.as_micros() <= 2 * u128::from(rate.period_micros()), "{wait:?} after {jumps} jumps");
            if jumps % 2 == 0 { clock.step_back(HOUR) } else { clock.advance(HOUR) }
        }
    }
}
