//! Scripts and strategies on states that no program stores: at boundaries, of other strategies, and garbage.

use std::cell::{Cell, RefCell};

use proptest::prelude::*;
use proptest::strategy::Strategy as Random;
use proptest::test_runner::{Config, TestRunner};
use throttle_runtime::backend::{Charge, Mode};
use throttle_runtime::strategy::State;
use throttle_runtime::{Key, Rate};

use crate::differential::{Pair, cases, decide};
use crate::server::Server;
use crate::strategies::{START, class, rate, strategy};

/// Offsets at which a step changes its result: whole periods from now or from the window, and up to two
/// microseconds beside them.
fn offset(rate: Rate) -> impl Random<Value = i64> {
    let period = i64::try_from(rate.period_micros()).unwrap_or(i64::MAX) / 8;
    let into = i64::try_from(START % rate.period_micros()).unwrap_or(0);
    let whole = (-4..=4_i64, -2..=2_i64, any::<bool>());
    let whole =
        whole.prop_map(move |(n, off, aligned)| n * period * 8 + off - if aligned { into } else { 0 });
    prop_oneof![3 => whole, 1 => -10 * period..20 * period]
}

fn word() -> impl Random<Value = u64> {
    let two = (0..40_u64, 0..40_u64).prop_map(|(high, low)| high << 32 | low);
    prop_oneof![4 => 0..40_u64, 2 => two, 1 => any::<u64>()]
}

/// Any stored state: of another strategy, or of none.
fn state(rate: Rate) -> impl Random<Value = State> {
    let time = move || offset(rate).prop_map(|offset| START.saturating_add_signed(offset));
    let entry = (prop_oneof![3 => time(), 1 => time().prop_map(|at| at << 2 | at & 3)], word());
    let list = prop::collection::vec(entry.prop_map(|(at, cost)| [at, cost]), 0..4);
    let until = prop_oneof![9 => time(), 1 => any::<u64>()];
    (until, word(), list, any::<bool>()).prop_map(|(until, word, list, odd)| {
        let mut list = list.concat();
        list.extend(odd.then_some(3));
        State::new(until, word).with_list(list)
    })
}

#[test]
fn scripts_and_strategies_make_the_same_of_any_state() {
    let server = Server::start();
    let pair = Pair::new(&server, false);
    let other = RefCell::new(server.connect());
    let usual = prop_oneof![rate(), Just(Rate::per_second(10)), Just(Rate::per_minute(7))];
    let cases_of = usual.prop_flat_map(|rate| (Just(rate), state(rate), 0..12_u64, class()));
    let scopes = Cell::new(0);
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases(20_000)) });
    let result = runner.run(&(strategy(), cases_of), |(strategy, (rate, state, cost, class))| {
        let other = &mut *other.borrow_mut();
        scopes.set(scopes.get() + 1);
        let (scope, key, rates) = (format!("t{}", scopes.get()), Key::global(), [rate]);
        let mut charge = Charge::new(&scope, &key, &*strategy, &rates, cost);
        charge.class = class;
        // The first decision stores a state, whose key name shows where states are stored.
        let introduction = [Charge::new(&scope, &key, &*strategy, &rates, 1)];
        decide(&pair.runtime, &pair.redis, &introduction, Mode::Consume)?;
        let name: Vec<String> = redis::cmd("KEYS").arg("*").query(other).expect("names");
        let words = [state.until(), state.word()].into_iter().chain(state.list().iter().copied());
        let bytes: Vec<u8> = words.flat_map(u64::to_be_bytes).collect();
        let () = redis::cmd("SET").arg(&name[0]).arg(bytes).query(other).expect("stored");
        let there = decide(&pair.runtime, &pair.redis, &[charge.clone()], Mode::Consume)?;
        let stored: Option<Vec<u8>> = redis::cmd("GET").arg(&name[0]).query(other).expect("read");
        let () = redis::cmd("FLUSHALL").query(other).expect("flushed");
        let here = strategy.step(&state, &charge.arrival(rate, cost, START));
        prop_assert_eq!(&there.quotas[..], &[here.quota][..]);
        let after = if here.quota.fits() { here.state } else { state };
        let after = Some(after).filter(|after| !here.quota.fits() || after.until() > START);
        let words = after
            .iter()
            .flat_map(|after| [after.until(), after.word()].into_iter().chain(after.list().iter().copied()));
        let expected: Vec<u8> = words.flat_map(u64::to_be_bytes).collect();
        prop_assert_eq!(stored.unwrap_or_default(), expected);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
