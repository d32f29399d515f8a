//! Clients of a table that evicts, which are also reset and refunded, and limited by several throttles
//! together.

use std::time::Duration;

use proptest::prelude::{Just, ProptestConfig, Strategy as _, any, prop, prop_assert, prop_oneof, proptest};
use throttle_runtime::backend::{Backend, Charge, Memory, Mode};
use throttle_runtime::strategy::{Adaptive, FixedWindow, Strategy, TokenBucket};
use throttle_runtime::{Clock, Key, ManualClock, Quota, Rates};

use crate::evicted::{hit, memory, strategies};

#[derive(Debug, Clone, Copy)]
enum Does {
    /// One use of the throttle, of another one, or of both in one decision.
    Hit {
        first: bool,
        second: bool,
        cost: u64,
    },
    Reset,
    /// A refund of the last use that was admitted.
    Refund,
}

fn does() -> impl proptest::strategy::Strategy<Value = Does> {
    let hit = (any::<bool>(), any::<bool>(), 0..5_u64).prop_map(|(first, second, cost)| Does::Hit {
        first: first || !second,
        second,
        cost: cost.max(1) - u64::from(cost == 0),
    });
    prop_oneof![16 => hit, 1 => Just(Does::Reset), 2 => Just(Does::Refund)]
}

fn done<T>(reply: throttle_runtime::backend::Reply<'_, T>) -> T {
    reply.ready().expect("at once").expect("no failure")
}

fn fits(memory: &Memory, charges: &[Charge<'_>]) -> bool {
    done(memory.decide(charges, Mode::Consume)).quotas.iter().all(Quota::fits)
}

type Limited<'a> = (&'a str, &'a dyn Strategy, &'a Rates);

fn charge<'a>((scope, strategy, limits): &Limited<'a>, key: &'a Key, cost: u64) -> Charge<'a> {
    Charge::new(scope, key, *strategy, limits, cost)
}

/// Each client reduces its limit in another window, so the reduced limits grow back at many different times.
#[test]
fn f01_reduced_limits_that_grow_back_at_many_times_outlast_evictions() {
    for recovery in [1, 10, 100] {
        let clock = ManualClock::new();
        let (memory, adaptive) = (memory(64, &clock), Adaptive::new().recovery_rate(recovery));
        let [limits, others] = ["10/min", "1/day"].map(|limits| limits.parse::<Rates>().expect("rates"));
        let admitted =
            |client: u32| (0..10).filter(|_| hit(&memory, "t", client, (&adaptive, &limits))).count();
        for window in 0..90_u32 {
            assert_eq!(admitted(window), 10, "{recovery}: a new client");
            for other in 0..100_u32 {
                hit(&memory, "others", (window, other), (&FixedWindow, &others));
            }
            clock.advance(Duration::from_secs(60));
            // The limit was 6 in the window after that of the requests, and has grown once.
            if let Some(client) = window.checked_sub(1) {
                assert!(admitted(client) <= 7, "{recovery}: client {client}");
            }
        }
        assert!(memory.evictions() > 1_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn f01_whatever_happens_to_clients_a_table_that_evicts_admits_nothing_that_a_larger_one_denies(
        strategy in 0..17_usize,
        limits in prop::sample::select(&["5/s", "3/s, 20/min", "5/min, 8/hour", "30/s, 40/min", "7/s, 9/2s, 12/min"][..]),
        bytes in prop::sample::select(&[None, Some(1_usize << 20)][..]),
        steps in prop::collection::vec(
            (prop_oneof![6 => 0..30_000_u64, 2 => 0..900_000_u64, 1 => 0..4_000_000_u64], 0..400_u32, does()),
            1_000,
        ),
    ) {
        let clock = ManualClock::new();
        let small = match bytes {
            None => memory(64, &clock),
            Some(bytes) => Memory::builder().max_keys(64).max_bytes(bytes).clock(clock.clone()).build(),
        };
        let large = memory(100_000, &clock);
        let (strategy, limits) = (&*strategies()[strategy], limits.parse::<Rates>().expect("rates"));
        let (second, seconds) = (TokenBucket::new(), "4/s, 30/min".parse::<Rates>().expect("rates"));
        let throttles = [
            ("t", strategy as &dyn Strategy, &limits),
            ("u", &second as &dyn Strategy, &seconds),
        ];
        let mut last = std::collections::HashMap::new();
        for (micros, number, does) in steps {
            clock.advance(Duration::from_micros(micros));
            let number = if number % 3 == 0 { number % 11 } else { number };
            let key = Key::from(number);
            match does {
                Does::Hit { first, second, cost } => {
                    let asked = throttles.iter().zip([first, second]).filter(|(_, is_asked)| *is_asked);
                    let charges: Vec<_> = asked.map(|(throttle, _)| charge(throttle, &key, cost)).collect();
                    if fits(&small, &charges) {
                        prop_assert!(fits(&large, &charges), "{:?} {:?} of {:?}", strategy, does, key);
                        last.insert(number, (first, cost, clock.now()));
                    }
                }
                Does::Reset => {
                    let charges = [charge(&throttles[0], &key, 1)];
                    done(small.forget(&charges));
                    done(large.forget(&charges));
                    last.remove(&number);
                }
                // A refund may leave a window unused, and only a used window carries over. So a table in which
                // the refund is lost carries over quota that the other table does not.
                Does::Refund if strategy.name() == "quota-with-rollover" => {}
                Does::Refund => {
                    if let Some((true, cost, at)) = last.remove(&number) {
                        let charges = [charge(&throttles[0], &key, cost)];
                        done(small.refund(&charges, at));
                        done(large.refund(&charges, at));
                    }
                }
            }
        }
    }
}
