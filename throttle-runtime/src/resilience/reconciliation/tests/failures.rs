//! Failed payments, refunds, and full ledgers.

use super::{Fault, PrimaryAnswer, World, heard, now};
use crate::backend::{Backend, Charge, Mode};
use crate::decision::Quota;
use crate::key::Key;
use crate::rate::Rate;
use crate::strategy::{Class, FixedWindow, SlidingWindowLog, TieredRate, TokenBucket};

const RATES: &[Rate] = &[Rate::per_minute(10), Rate::per_hour(15)];

fn world() -> World {
    let world = World::new(&FixedWindow, RATES, 1);
    assert!(now(world.asks_primary(2)));
    assert!(now(world.asks_standby(0, 3)));
    world
}

#[test]
fn each_limit_is_carried_by_itself() {
    let world = world();
    world.advance(60_000_000);
    // The minute window is new, the hour window is not.
    assert!(now(world.asks_standby(0, 9)));
    assert!(!now(world.asks_standby(0, 2)));
    now(world.pays(0)).expect("a primary");
    assert!(!world.owes(0));
    let left = |rate: Rate| now(world.left(&world.primary.memory, &[RATES[0], rate]));
    assert_eq!(left(RATES[1]), 1);
    assert!(now(world.asks_primary(1)) && !now(world.asks_primary(1)));
}

#[test]
fn payments_that_fail_are_made_later_and_once() {
    for fault in [Fault::Refused, Fault::Lost, Fault::Unheard] {
        let world = world();
        for _ in 0..3 {
            world.primary.fails(Some(fault));
            assert!(now(world.pays(0)).is_err());
            assert!(world.owes(0), "{fault:?}");
        }
        world.primary.fails(None);
        now(world.pays(0)).expect("a primary");
        assert_eq!((world.owes(0), now(world.left_at_primary())), (false, 5), "{fault:?}");
    }
}

/// A late payment occupies the quota of units that were admitted after it, and expires before them. When it
/// expires, the primary must not regard that quota as free.
#[test]
fn what_had_no_room_at_the_primary_is_not_free_when_there_is_room_again() {
    let world = World::new(&SlidingWindowLog, &[Rate::per_minute(4)], 1);
    assert!(now(world.asks_standby(0, 2)));
    world.advance(30_000_000);
    world.primary.fails(Some(Fault::Unheard));
    assert!(now(world.pays(0)).is_err());
    world.primary.fails(None);
    world.advance(30_000_000);
    // All usage that was tried has expired, so the result of the failed payment is not looked up.
    now(world.pays(0)).expect("a primary");
    assert!(now(world.asks_standby(0, 3)));
    now(world.pays(0)).expect("a primary");
    world.advance(30_000_000);
    assert!(!now(world.asks_primary(2)), "three of four were admitted half a minute ago");
}

/// A payment that certainly was not charged is charged in addition to the charges of other instances. A payment
/// that may have been charged is not charged twice; then, charges of other instances are mistaken for it.
#[test]
fn what_others_paid_is_not_what_was_owed() {
    for (fault, left) in [(Fault::Refused, 1), (Fault::Unheard, 1), (Fault::Lost, 4)] {
        let world = world();
        world.primary.fails(Some(fault));
        assert!(now(world.pays(0)).is_err());
        world.primary.fails(None);
        let elsewhere = now(world.primary.decide(&[world.charge(4)], Mode::Consume));
        assert!(elsewhere.is_ok_and(|verdict| verdict.quotas.iter().all(Quota::fits)));
        now(world.pays(0)).expect("a primary");
        assert_eq!(now(world.left_at_primary()), left, "{fault:?}");
    }
}

#[test]
fn a_primary_that_lost_everything_is_told() {
    let world = world();
    let _ = world.primary.reset().ready();
    now(world.pays(0)).expect("a primary");
    assert_eq!(now(world.left_at_primary()), 5);
}

/// This includes identities to which the fallback admitted nothing.
#[test]
fn who_was_denied_all_along_is_denied_by_an_empty_primary() {
    let world = World::new(&SlidingWindowLog, &[Rate::per_minute(5)], 1);
    assert!(now(world.asks_primary(5)));
    assert!(!now(world.asks_standby(0, 1)));
    let _ = world.primary.reset().ready();
    assert!(world.owes(0));
    now(world.pays(0)).expect("a primary");
    assert!(!now(world.asks_primary(1)));
}

#[test]
fn what_was_given_back_is_not_owed() {
    let world = world();
    let (charge, at) = (world.charge(3), world.now());
    world.instances[0].reconciler.record_refund(&charge, at, at);
    now(world.pays(0)).expect("a primary");
    assert_eq!(now(world.left_at_primary()), 8);
}

#[test]
fn debts_that_are_over_are_not_charged() {
    let world = world();
    world.advance(3_600_000_000);
    world.primary.fails(Some(Fault::Lost));
    now(world.pays(0)).expect("nobody to be asked");
    assert!(!world.owes(0));
}

/// A decision that was overtaken by a later one does not undo it.
#[test]
fn the_last_word_is_the_one_said_last() {
    let world = World::new(const { &TokenBucket::new() }, &[Rate::per_hour(10)], 1);
    let [first, second] = [1, 2].map(|cost| {
        world.advance(10);
        let charge = [world.charge(cost)];
        now(world.primary.decide(&charge, Mode::Consume)).expect("a verdict")
    });
    for verdict in [second, first] {
        world.instances[0].reconciler.record_answer(&world.charge(1), heard(&verdict), world.now());
    }
    assert!(now(world.asks_standby(0, 7)));
    assert!(!now(world.asks_standby(0, 1)));
}

/// Classes of one identity share the same usage as they do at the primary.
#[test]
fn what_was_heard_as_one_class_counts_for_another() {
    let world = World::new(const { &TieredRate::new() }, &[Rate::per_hour(10)], 1);
    let reconciler = &world.instances[0].reconciler;
    let premium = Charge { class: Class::new("premium"), ..world.charge(9) };
    let charges = [premium];
    let verdict = now(world.primary.decide(&charges, Mode::Consume));
    let verdict = verdict.expect("a verdict");
    reconciler.record_answer(&charges[0], heard(&verdict), world.now());
    assert!(now(world.asks_standby(0, 1)), "of no class, which has 10");
    assert!(!now(world.asks_standby(0, 1)));
}

#[test]
fn places_are_bounded_and_the_oldest_make_room() {
    const ROOM: u64 = 64 * 1024;
    let mut world = World::new(&FixedWindow, &[Rate::per_hour(10)], 1);
    let (quota, reconciler) = (Quota::allowed(world.rates[0], 0), &world.instances[0].reconciler);
    for number in 0..2 * ROOM {
        let key = Key::from(number);
        let charge = Charge { key: &key, ..world.charge(1) };
        let late = reconciler.record_answer(
            &charge,
            PrimaryAnswer { quotas: &[quota], at: number, sent: u64::MAX },
            number,
        );
        assert_eq!(late, None);
    }
    assert!(reconciler.ledger.len() <= 64 * 1024);
    for number in 0..2 * ROOM {
        let key = Key::from(number);
        assert!(reconciler.admitted(&Charge { key: &key, ..world.charge(1) }, world.now()));
    }
    assert!(reconciler.ledger.len() <= 2 * 64 * 1024);
    assert_eq!(reconciler.ledger.owing().len(), 64 * 1024);
    assert!(reconciler.no_room.omitted() > 60_000);
    world.key = Key::from(2 * ROOM + 1);
    assert!(!world.owes(0));
}
